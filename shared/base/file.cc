#include "shared/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>

#include "shared/base/unique_fd.h"

namespace shared {
namespace {

Result<void> WriteAll(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return FailErrno(errno, fmt::format("write {}", path));
    }
    content.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<void> WriteTemporary(const std::string& path, std::string_view content, unsigned mode) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd.valid()) return FailErrno(errno, fmt::format("create {}", path));
  if (::fchmod(fd.get(), mode) != 0) return FailErrno(errno, fmt::format("chmod {}", path));
  RETURN_IF_ERROR(WriteAll(fd.get(), content, path));
  if (::fsync(fd.get()) != 0) return FailErrno(errno, fmt::format("fsync {}", path));
  return {};
}

bool IsDirectory(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

}  // namespace

Result<std::string> ReadFile(const std::string& path, size_t limit) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return FailErrno(errno, fmt::format("open {}", path));
  std::string content;
  char buffer[16384];
  for (;;) {
    const ssize_t got = ::read(fd.get(), buffer, sizeof buffer);
    if (got < 0) {
      if (errno == EINTR) continue;
      return FailErrno(errno, fmt::format("read {}", path));
    }
    if (got == 0) return content;
    content.append(buffer, static_cast<size_t>(got));
    if (content.size() > limit) {
      return Fail(ErrorCode::kResourceExhausted, "read {}: larger than {} bytes", path, limit);
    }
  }
}

Result<void> WriteFileDurably(const std::string& path, std::string_view content, unsigned mode) {
  const std::string temporary = path + ".tmp";
  // A leftover of a crash may have another mode; O_EXCL makes sure that it is not taken over.
  if (::unlink(temporary.c_str()) != 0 && errno != ENOENT) {
    return FailErrno(errno, fmt::format("create {}", temporary));
  }
  Result<void> replaced = WriteTemporary(temporary, content, mode);
  if (replaced && ::rename(temporary.c_str(), path.c_str()) != 0) {
    replaced = FailErrno(errno, fmt::format("rename {} to {}", temporary, path));
  }
  if (!replaced) {
    ::unlink(temporary.c_str());  // on a full disk it would take room
    return replaced;
  }
  const std::string directory = DirectoryOf(path);
  const UniqueFd parent(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!parent.valid()) return FailErrno(errno, fmt::format("open {}", directory));
  if (::fsync(parent.get()) != 0) return FailErrno(errno, fmt::format("fsync {}", directory));
  return {};
}

Result<void> MakeDirectories(const std::string& path, unsigned mode) {
  for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string prefix = path.substr(0, slash);
    if (::mkdir(prefix.c_str(), mode) != 0 && errno != EEXIST) {
      return FailErrno(errno, fmt::format("mkdir {}", prefix));
    }
    if (slash != std::string::npos) continue;
    if (!IsDirectory(path)) return FailErrno(ENOTDIR, fmt::format("mkdir {}", path));
    return {};
  }
}

}  // namespace shared
