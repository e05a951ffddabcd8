#include "agent/doctor/log_check.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "agent/logs/current_file.h"
#include "shared/base/unique_fd.h"

namespace agent::doctor {
namespace {

using logs::LogLocation;
using pgvigil::v1::Capability;

std::string UserName() {
  const passwd* const entry = ::getpwuid(::geteuid());
  return entry != nullptr ? entry->pw_name : std::to_string(::geteuid());
}

std::string GroupName(gid_t gid) {
  const group* const entry = ::getgrgid(gid);
  return entry != nullptr ? entry->gr_name : std::to_string(gid);
}

// Of the file; of its directory when even that hides the file.
std::string RemedyFor(const LogLocation& location, const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) {
    return ReadRemedy(location, (status.st_mode & S_IRGRP) != 0, GroupName(status.st_gid),
                      UserName());
  }
  if (::stat(location.directory.c_str(), &status) == 0) {
    return fmt::format("usermod -aG {} {}, chmod g+rx {}, then restart the agent",
                       GroupName(status.st_gid), UserName(), location.directory);
  }
  return fmt::format("make {} readable and enterable for {}", location.directory, UserName());
}

Capability Make(const std::string& name, Capability::State state, std::string detail,
                std::string remedy = {}) {
  Capability out;
  out.set_name(name);
  out.set_state(state);
  out.set_detail(std::move(detail));
  out.set_remedy(std::move(remedy));
  return out;
}

}  // namespace

std::string ReadRemedy(const LogLocation& location, bool group_readable, const std::string& group,
                       const std::string& user) {
  const std::string join = fmt::format("usermod -aG {} {}, then restart the agent", group, user);
  if (group_readable) return join;
  if (location.format == pgvigil::v1::LOG_FORMAT_SYSLOG_FILE) {
    return "let the syslog daemon make its files with mode 0640 (rsyslog: $FileCreateMode 0640); " +
           join;
  }
  return "log_file_mode = 0640 in postgresql.conf, SELECT pg_reload_conf(), "
         "SELECT pg_rotate_logfile(); " +
         join;
}

Capability CheckLog(const std::string& name, const logs::LocateResult& found) {
  if (!found.location || !found.problem.empty()) {
    return Make(name, Capability::STATE_FAILED, found.problem, found.remedy);
  }
  const shared::Result<logs::FoundFile> file = logs::FindCurrentFile(*found.location);
  if (!file) {
    const bool denied = file.error().code == shared::ErrorCode::kPermissionDenied;
    return Make(name, Capability::STATE_FAILED, file.error().message,
                denied ? RemedyFor(*found.location, found.location->current)
                       : "SELECT pg_rotate_logfile(); makes the server begin a new log file");
  }
  const shared::UniqueFd opened(::open(file->path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!opened.valid()) {
    return Make(name, Capability::STATE_FAILED,
                shared::ErrnoError(errno, "open " + file->path).message,
                RemedyFor(*found.location, file->path));
  }
  return Make(name, Capability::STATE_OK, file->path);
}

}  // namespace agent::doctor
