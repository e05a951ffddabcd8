#include "agent/doctor/state_check.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include "shared/base/result.h"
#include "shared/base/unique_fd.h"

namespace agent::doctor {
namespace {

namespace fs = std::filesystem;
using pgvigil::v1::Capability;
using shared::Result;

constexpr double kMebibyte = 1 << 20;

Capability Make(Capability::State state, std::string detail, std::string remedy = {}) {
  Capability out;
  out.set_name("state_dir");
  out.set_state(state);
  out.set_detail(std::move(detail));
  out.set_remedy(std::move(remedy));
  return out;
}

// The directory itself, or the nearest one above it that exists: there it would be made.
std::string NearestExisting(const std::string& path) {
  fs::path at = path;
  struct stat status {};
  while (::stat(at.c_str(), &status) != 0 && errno == ENOENT && at.has_relative_path()) {
    at = at.has_filename() ? at.parent_path() : at.parent_path().parent_path();
  }
  return at.empty() ? "." : at.string();
}

// A descriptor to a new file that has no name and goes with it; on file systems without such files,
// one whose name is taken away at once.
shared::UniqueFd MakeNamelessFile(const std::string& directory) {
  shared::UniqueFd fd(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (fd.valid() || (errno != EOPNOTSUPP && errno != EISDIR)) return fd;
  std::string path = directory + "/.pgvigil-check-XXXXXX";
  fd = shared::UniqueFd(::mkostemp(path.data(), O_CLOEXEC));
  if (fd.valid()) ::unlink(path.c_str());
  return fd;
}

Result<void> ProveWritable(const std::string& directory) {
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0) {
    return shared::FailErrno(errno, fmt::format("open {}", directory));
  }
  if (!S_ISDIR(status.st_mode))
    return shared::FailErrno(ENOTDIR, fmt::format("open {}", directory));
  if (MakeNamelessFile(directory).valid()) return {};
  return shared::FailErrno(errno, fmt::format("make a file in {}", directory));
}

uint64_t FreeBytes(const std::string& directory) {
  struct statvfs usage {};
  if (::statvfs(directory.c_str(), &usage) != 0) return 0;
  return uint64_t{usage.f_bavail} * usage.f_frsize;
}

// What the files below it have taken already. Files that vanish meanwhile are of no concern.
uint64_t TakenBytes(const std::string& directory) {
  uint64_t sum = 0;
  std::error_code error;
  fs::recursive_directory_iterator at(directory, error);
  for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    std::error_code gone;
    const uint64_t size = at->is_regular_file(gone) ? at->file_size(gone) : 0;
    if (!gone) sum += size;
  }
  return sum;
}

std::string Mebibytes(uint64_t bytes) {
  return fmt::format("{:.0f} MiB", static_cast<double>(bytes) / kMebibyte);
}

std::string RemedyFor(const std::string& directory) {
  return fmt::format("mkdir -p {} && chown <the agent's user> {}", directory, directory);
}

}  // namespace

Capability CheckStateDirectory(const config::AgentConfig& config) {
  const std::string& state_dir = config.agent.state_dir;
  const std::string spool_dir =
      config.spool.directory.empty() ? state_dir + "/spool" : config.spool.directory;
  for (const std::string& directory : {state_dir, spool_dir}) {
    if (const Result<void> writable = ProveWritable(NearestExisting(directory)); !writable) {
      return Make(Capability::STATE_FAILED, writable.error().message, RemedyFor(directory));
    }
  }
  const uint64_t limit = config.spool.metrics_limit_bytes + config.spool.statements_limit_bytes;
  const uint64_t taken = TakenBytes(spool_dir);
  const uint64_t wanted = limit > taken ? limit - taken : 0;
  const uint64_t free = FreeBytes(NearestExisting(spool_dir));
  if (free < wanted) {
    return Make(Capability::STATE_DEGRADED,
                fmt::format("{}: {} free, but the spool may grow by {}", spool_dir, Mebibytes(free),
                            Mebibytes(wanted)),
                "free space, or lower spool.metrics_limit and spool.statements_limit");
  }
  return Make(Capability::STATE_OK, fmt::format("{}, {} free", state_dir, Mebibytes(free)));
}

}  // namespace agent::doctor
