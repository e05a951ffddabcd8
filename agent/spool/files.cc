#include "agent/spool/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "shared/base/file.h"
#include "shared/base/unique_fd.h"

namespace agent::spool {
namespace {

using shared::Fail;
using shared::FailErrno;
using shared::UniqueFd;

class DiskFile final : public File {
 public:
  DiskFile(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Result<std::string> ReadAt(uint64_t offset, size_t size) override {
    std::string out(size, '\0');
    size_t got = 0;
    while (got < size) {
      const ssize_t count =
          ::pread(fd_.get(), out.data() + got, size - got, static_cast<off_t>(offset + got));
      if (count < 0) {
        if (errno == EINTR) continue;
        return FailErrno(errno, fmt::format("read {}", path_));
      }
      if (count == 0) break;
      got += static_cast<size_t>(count);
    }
    out.resize(got);
    return out;
  }

  Result<void> WriteAt(uint64_t offset, std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t count =
          ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (count < 0) {
        if (errno == EINTR) continue;
        return FailErrno(errno, fmt::format("write {}", path_));
      }
      bytes.remove_prefix(static_cast<size_t>(count));
      offset += static_cast<uint64_t>(count);
    }
    return {};
  }

  Result<void> Reserve(uint64_t size) override {
    const int error = ::posix_fallocate(fd_.get(), 0, static_cast<off_t>(size));
    if (error != 0) return FailErrno(error, fmt::format("reserve {} bytes for {}", size, path_));
    return {};
  }

  Result<void> Sync() override {
    if (::fdatasync(fd_.get()) != 0) return FailErrno(errno, fmt::format("fdatasync {}", path_));
    return {};
  }

 private:
  const UniqueFd fd_;
  const std::string path_;
};

class DiskLock final : public Lock {
 public:
  explicit DiskLock(UniqueFd fd) : fd_(std::move(fd)) {}

 private:
  const UniqueFd fd_;  // closing it releases the flock
};

Result<std::unique_ptr<File>> OpenWith(const std::string& path, int flags, const char* verb) {
  UniqueFd fd(::open(path.c_str(), flags | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.valid()) return FailErrno(errno, fmt::format("{} {}", verb, path));
  return std::make_unique<DiskFile>(std::move(fd), path);
}

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

}  // namespace

Result<std::unique_ptr<File>> DiskFiles::Open(const std::string& path) {
  return OpenWith(path, 0, "open");
}

Result<std::unique_ptr<File>> DiskFiles::Create(const std::string& path) {
  return OpenWith(path, O_CREAT | O_TRUNC, "create");
}

Result<std::vector<std::string>> DiskFiles::List(const std::string& directory) {
  const std::unique_ptr<DIR, CloseDirectory> stream(::opendir(directory.c_str()));
  if (stream == nullptr) return FailErrno(errno, fmt::format("open {}", directory));
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<uint64_t> DiskFiles::Size(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return FailErrno(errno, fmt::format("stat {}", path));
  return static_cast<uint64_t>(status.st_size);
}

Result<void> DiskFiles::Remove(const std::string& path) {
  if (::unlink(path.c_str()) != 0) return FailErrno(errno, fmt::format("remove {}", path));
  return {};
}

Result<void> DiskFiles::MakeDirectory(const std::string& path) {
  return shared::MakeDirectories(path);
}

Result<void> DiskFiles::SyncDirectory(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return FailErrno(errno, fmt::format("open {}", path));
  if (::fsync(fd.get()) != 0) return FailErrno(errno, fmt::format("fsync {}", path));
  return {};
}

Result<std::unique_ptr<Lock>> DiskFiles::TakeLock(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.valid()) return FailErrno(errno, fmt::format("open {}", path));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) {
      return Fail(shared::ErrorCode::kUnavailable, "lock {}: another process holds it", path);
    }
    return FailErrno(errno, fmt::format("lock {}", path));
  }
  return std::make_unique<DiskLock>(std::move(fd));
}

}  // namespace agent::spool
