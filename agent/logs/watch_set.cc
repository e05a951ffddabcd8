#include "agent/logs/watch_set.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <tuple>

#include "shared/base/file.h"
#include "shared/text/cursor.h"

namespace agent::logs {
namespace {

using pgvigil::v1::LOG_FORMAT_POSTGRES_JSON;
using pgvigil::v1::LOG_FORMAT_POSTGRES_STDERR;
using pgvigil::v1::LOG_FORMAT_SYSLOG_FILE;
constexpr auto kNpos = std::string_view::npos;

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

std::string Join(std::string_view directory, std::string_view name) {
  if (!name.empty() && name.front() == '/') return std::string(name);
  return std::string(directory) + "/" + std::string(name);
}

std::string_view DirectoryOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == kNpos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string_view NameOf(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

bool EndsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

// ".json" of "a.json", "a.json.1" and "a.json-20261121", not of "a.jsonl".
bool HasInfix(std::string_view name, std::string_view infix) {
  for (size_t at = name.find(infix); at != kNpos; at = name.find(infix, at + 1)) {
    const std::string_view rest = name.substr(at + infix.size());
    if (rest.empty() || rest[0] == '.' || rest[0] == '-') return true;
  }
  return false;
}

bool Writes(const postgres::LogSettings& settings, std::string_view destination) {
  std::string_view rest = settings.log_destination;
  while (!rest.empty()) {
    const size_t comma = rest.find(',');
    std::string_view word = rest.substr(0, comma);
    while (!word.empty() && word.front() == ' ') word.remove_prefix(1);
    while (!word.empty() && word.back() == ' ') word.remove_suffix(1);
    if (word == destination) return true;
    rest.remove_prefix(comma == kNpos ? rest.size() : comma + 1);
  }
  return settings.log_destination.empty() && destination == "stderr";
}

// The readable part of a strftime pattern: "postgresql-" of "postgresql-%Y-%m-%d.log".
std::string LiteralPrefix(std::string_view log_filename, bool json) {
  if (log_filename.find('%') != kNpos)
    return std::string(log_filename.substr(0, log_filename.find('%')));
  if (json && EndsWith(log_filename, ".log")) log_filename.remove_suffix(4);
  return std::string(log_filename);
}

LocateResult WithoutCollector(const postgres::LogSettings& settings, std::string_view debian_root) {
  constexpr std::string_view kData = "/var/lib/postgresql/";
  LocateResult out;
  out.remedy = "logging_collector = on in postgresql.conf, then restart PostgreSQL";
  std::string_view data = settings.data_directory;
  if (data.substr(0, kData.size()) == kData) {
    data.remove_prefix(kData.size());
    const size_t slash = data.find('/');
    if (slash != kNpos && data.find('/', slash + 1) == kNpos) {
      const std::string path =
          fmt::format("{}/var/log/postgresql/postgresql-{}-{}.log", debian_root,
                      data.substr(0, slash), data.substr(slash + 1));
      if (::access(path.c_str(), R_OK) == 0) {
        out.location = LogLocation{std::string(DirectoryOf(path)), LOG_FORMAT_POSTGRES_STDERR, path,
                                   std::string(NameOf(path)), ""};
        return out;
      }
      if (errno == EACCES) {
        out.problem = fmt::format("open {}: Permission denied", path);
        out.remedy = "usermod -aG adm <the agent's user>, then restart the agent";
        return out;
      }
    }
  }
  out.problem =
      "logging_collector is off: the server's standard error goes where its starter sent it";
  return out;
}

}  // namespace

std::optional<std::string> CurrentLogFile(std::string_view current_logfiles,
                                          std::string_view kind) {
  for (shared::text::LineCursor lines(current_logfiles); lines.Next();) {
    const std::string_view line = lines.line();
    const size_t space = line.find(' ');
    if (space == kNpos || line.substr(0, space) != kind || space + 1 == line.size()) continue;
    return std::string(line.substr(space + 1));
  }
  return std::nullopt;
}

bool BelongsTo(const LogLocation& location, std::string_view name) {
  for (const std::string_view end : {".gz", ".xz", ".bz2", ".zst", ".lz4"}) {
    if (EndsWith(name, end)) return false;
  }
  if (name.substr(0, location.name_prefix.size()) != location.name_prefix) return false;
  if (location.format == LOG_FORMAT_POSTGRES_STDERR &&
      (HasInfix(name, ".json") || HasInfix(name, ".csv"))) {
    return false;
  }
  if (location.format == LOG_FORMAT_SYSLOG_FILE) {
    const std::string_view rest = name.substr(location.name_prefix.size());
    return rest.empty() || ((rest[0] == '.' || rest[0] == '-') && rest.size() > 1 &&
                            rest.find_first_not_of("0123456789-", 1) == kNpos);
  }
  return location.name_infix.empty() || HasInfix(name, location.name_infix);
}

shared::Result<std::vector<FoundFile>> ListFiles(const LogLocation& location) {
  const std::unique_ptr<DIR, CloseDirectory> directory(::opendir(location.directory.c_str()));
  if (directory == nullptr) {
    return shared::FailErrno(errno, fmt::format("open {}", location.directory));
  }
  std::vector<FoundFile> out;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == ".." || !BelongsTo(location, name)) continue;
    struct stat status {};
    if (::fstatat(::dirfd(directory.get()), entry->d_name, &status, 0) != 0) continue;
    if (!S_ISREG(status.st_mode)) continue;
    out.push_back({Join(location.directory, name), std::string(name), status.st_dev, status.st_ino,
                   static_cast<uint64_t>(status.st_size),
                   status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec});
  }
  std::sort(out.begin(), out.end(), [](const FoundFile& a, const FoundFile& b) {
    return std::tie(a.mtime_nanos, a.name) < std::tie(b.mtime_nanos, b.name);
  });
  return out;
}

LocateResult LocatePostgres(const postgres::LogSettings& settings, std::string_view debian_root) {
  const bool json = Writes(settings, "jsonlog");
  const bool stderr_file = Writes(settings, "stderr");
  if (!settings.logging_collector && (json || stderr_file)) {
    return WithoutCollector(settings, debian_root);
  }
  LocateResult out;
  if (!json && !stderr_file) {
    out.problem = fmt::format("log_destination = '{}' is not one that the agent reads",
                              settings.log_destination);
    out.remedy =
        "log_destination = 'jsonlog' in postgresql.conf ('stderr' before version 15), reload";
    return out;
  }
  if (settings.log_directory.empty()) {
    out.problem = "the role may not read log_directory";
    out.remedy = "GRANT pg_read_all_settings TO <the agent's role>";
    return out;
  }
  LogLocation location;
  location.format = json ? LOG_FORMAT_POSTGRES_JSON : LOG_FORMAT_POSTGRES_STDERR;
  location.directory = Join(settings.data_directory, settings.log_directory);
  location.name_prefix = LiteralPrefix(settings.log_filename, json);
  if (json) location.name_infix = ".json";
  std::optional<std::string> current;
  if (const auto text = shared::ReadFile(settings.data_directory + "/current_logfiles", 65536)) {
    current = CurrentLogFile(*text, json ? "jsonlog" : "stderr");
  }
  // Without it the newest file is taken: what the server told over SQL may be a minute old.
  // Only the name counts: the directory may be one that the agent sees by another path.
  if (current) location.current = Join(location.directory, NameOf(*current));
  if (::access(location.directory.c_str(), R_OK | X_OK) != 0) {
    out.problem = shared::ErrnoError(errno, fmt::format("open {}", location.directory)).message;
    out.remedy = fmt::format(
        "log_file_mode = 0640 in postgresql.conf, and the directory {} readable and enterable for "
        "a group "
        "that the agent's user is in (usermod -aG); or log_directory outside the data directory",
        location.directory);
    return out;
  }
  out.location = location;
  return out;
}

LocateResult LocateSyslog(const std::string& path) {
  LocateResult out;
  if (::access(path.c_str(), R_OK) != 0) {
    const int error = errno;
    out.problem = shared::ErrnoError(error, fmt::format("open {}", path)).message;
    out.remedy =
        error == EACCES
            ? "usermod -aG adm <the agent's user>, then restart the agent"
            : fmt::format("install a syslog daemon that writes {}, or set another path", path);
    // Rotation may be between rename and create: what is being read goes on.
    if (error != ENOENT) return out;
  }
  out.location = LogLocation{std::string(DirectoryOf(path)), LOG_FORMAT_SYSLOG_FILE, path,
                             std::string(NameOf(path)), ""};
  return out;
}

}  // namespace agent::logs
