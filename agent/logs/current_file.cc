#include "agent/logs/current_file.h"

#include <sys/stat.h>

#include <cerrno>

namespace agent::logs {

shared::Result<FoundFile> FindCurrentFile(const LogLocation& location) {
  if (location.current.empty()) {
    ASSIGN_OR_RETURN(std::vector<FoundFile> files, ListFiles(location));
    if (files.empty()) {
      return shared::Fail(shared::ErrorCode::kNotFound, "no log file in {}", location.directory);
    }
    return std::move(files.back());
  }
  struct stat status {};
  if (::stat(location.current.c_str(), &status) != 0) {
    return shared::FailErrno(errno, "open " + location.current);
  }
  FoundFile out;
  out.path = location.current;
  out.name = location.current.substr(location.current.rfind('/') + 1);
  out.device = status.st_dev;
  out.inode = status.st_ino;
  out.size = static_cast<uint64_t>(status.st_size);
  out.mtime_nanos = status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec;
  return out;
}

}  // namespace agent::logs
