#include "tests/support/include_directions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <span>

#include "shared/base/file.h"
#include "shared/text/cursor.h"

namespace tests {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 11> kSharedRow = {
    "base",   "text", "concurrency", "log",      "metrics", "model",
    "config", "wire", "http",        "postgres", "support"};
constexpr std::string_view kFirstWithProto = "wire";

struct Library {
  std::string_view include;  // how its headers' names begin
  std::string_view folder;   // where they may be included
};
constexpr Library kLibraries[] = {
    {"libpq", "shared/postgres/"},      {"zstd", "shared/wire/"},
    {"curl/", "shared/http/"},          {"boost/", "collector/http/"},
    {"toml++/", "shared/config/"},      {"spdlog/", "shared/log/"},
    {"prometheus/", "shared/metrics/"}, {"librdkafka/", "collector/bus/"},
    {"rdkafka", "collector/bus/"},      {"httplib", "agent/status/"},
};

struct Barrier {
  std::string_view from;
  std::string_view to;
  std::string_view why;
};
constexpr Barrier kBarriers[] = {
    {"agent/", "collector/", "the two programs share only proto/ and shared/"},
    {"collector/", "agent/", "the two programs share only proto/ and shared/"},
    {"shared/", "agent/", "shared/ knows neither program"},
    {"shared/", "collector/", "shared/ knows neither program"},
    {"agent/host/", "agent/spool/", "a source knows no spool"},
    {"agent/host/", "agent/ship/", "a source knows no network"},
    {"agent/logs/", "agent/spool/", "a source knows no spool"},
    {"agent/logs/", "agent/ship/", "a source knows no network"},
    {"agent/postgres/", "agent/spool/", "a source knows no spool"},
    {"agent/postgres/", "agent/ship/", "a source knows no network"},
    {"collector/api/", "collector/storage/", "it declares the interface that it calls"},
    {"collector/ingest/", "collector/storage/", "it declares the interface that it calls"},
    {"collector/ingest/", "collector/api/", "what both need is in shared/"},
    {"collector/bus/", "collector/http/", "Kafka is not asked by HTTP"},
};

// The tailer's queue of batches is an Outbox, as the spool is: the shipper declares what it calls,
// and the header has no network in it.
constexpr std::string_view kOutbox = "agent/ship/outbox.h";

// The name between the quotes or angle brackets of an #include line; nullopt for other lines.
std::optional<std::string_view> IncludedName(std::string_view line) {
  shared::text::FieldCursor fields(line);
  std::string_view rest = fields.rest();
  if (!rest.starts_with('#')) return std::nullopt;
  rest.remove_prefix(1);
  rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
  if (!rest.starts_with("include")) return std::nullopt;
  const size_t start = rest.find_first_of("\"<");
  if (start == std::string_view::npos) return std::nullopt;
  const size_t end = rest.find_first_of("\">", start + 1);
  return rest.substr(start + 1, end == std::string_view::npos ? end : end - start - 1);
}

// Position in the row of the folder of "shared/<folder>/…"; nullopt: not in the row.
std::optional<size_t> RowPosition(std::string_view path) {
  if (!path.starts_with("shared/")) return std::nullopt;
  path.remove_prefix(std::string_view("shared/").size());
  const auto* const found =
      std::find(kSharedRow.begin(), kSharedRow.end(), path.substr(0, path.find('/')));
  if (found == kSharedRow.end()) return std::nullopt;
  return static_cast<size_t>(found - kSharedRow.begin());
}

// Why `path` may not include `name`; nullopt: it may.
std::optional<std::string> Objection(std::string_view path, std::string_view name) {
  for (const Barrier& barrier : kBarriers) {
    if (path.starts_with(barrier.from) && name.starts_with(barrier.to) && name != kOutbox) {
      return fmt::format("{} must not include {}: {}", barrier.from, barrier.to, barrier.why);
    }
  }
  for (const Library& library : kLibraries) {
    if (name.starts_with(library.include) && !path.starts_with(library.folder)) {
      return fmt::format("<{}> is included only in {}", name, library.folder);
    }
  }
  if (!path.starts_with("shared/")) return std::nullopt;
  const std::optional<size_t> own = RowPosition(path);
  if (!own) return "this folder has no place in the row of shared/";
  if (name.starts_with("pgvigil/") &&
      *own < *RowPosition(fmt::format("shared/{}/", kFirstWithProto))) {
    return fmt::format("shared/{}/ must not know the wire formats", kSharedRow[*own]);
  }
  const std::optional<size_t> other = RowPosition(name);
  if (name.starts_with("shared/") && !other)
    return fmt::format("{} is in no folder of shared/", name);
  if (other && *other > *own) {
    return fmt::format("shared/{}/ must not include shared/{}/, which is right of it",
                       kSharedRow[*own], kSharedRow[*other]);
  }
  return std::nullopt;
}

}  // namespace

std::vector<std::string> CheckIncludes(std::string_view path, std::string_view text) {
  std::vector<std::string> out;
  for (shared::text::LineCursor lines(text); lines.Next();) {
    const std::optional<std::string_view> name = IncludedName(lines.line());
    if (!name) continue;
    if (const std::optional<std::string> objection = Objection(path, *name)) {
      out.push_back(fmt::format("{}:{}: {}", path, lines.number(), *objection));
    }
  }
  return out;
}

std::vector<std::string> CheckTree(const std::string& root, size_t& files) {
  std::vector<std::string> paths;
  for (const char* folder : {"agent", "collector", "shared"}) {
    for (const fs::directory_entry& entry :
         fs::recursive_directory_iterator(fs::path(root) / folder)) {
      const std::string extension = entry.path().extension().string();
      if (!entry.is_regular_file() || (extension != ".h" && extension != ".cc")) continue;
      paths.push_back(fs::relative(entry.path(), root).string());
    }
  }
  std::sort(paths.begin(), paths.end());
  files = paths.size();
  std::vector<std::string> out;
  for (const std::string& path : paths) {
    const shared::Result<std::string> text = shared::ReadFile(root + "/" + path);
    if (!text) {
      out.push_back(text.error().message);
      continue;
    }
    const std::vector<std::string> found = CheckIncludes(path, *text);
    out.insert(out.end(), found.begin(), found.end());
  }
  return out;
}

}  // namespace tests
