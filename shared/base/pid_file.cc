#include "shared/base/pid_file.h"

#include <unistd.h>

#include <utility>

#include "shared/base/file.h"

namespace shared {

Result<PidFile> PidFile::Write(std::string path) {
  if (!path.empty()) {
    RETURN_IF_ERROR(WriteFileDurably(path, fmt::format("{}\n", ::getpid()), 0644));
  }
  return PidFile(std::move(path));
}

PidFile::PidFile(PidFile&& other) noexcept : path_(std::exchange(other.path_, {})) {}

PidFile::~PidFile() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

}  // namespace shared
