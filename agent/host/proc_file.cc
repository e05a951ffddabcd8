#include "agent/host/proc_file.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace agent::host {
namespace {

constexpr size_t kFirstBuffer = 1024;
constexpr size_t kMostBytes = size_t{16} << 20;
// Below this, a read did not end for want of room in the kernel's page: the smallest page is 4 KiB,
// a short record less than 1 KiB.
constexpr size_t kSurelyWhole = 3072;
constexpr int kRetryCalls = 60;

}  // namespace

ProcFile::ProcFile(std::string path, Records records)
    : path_(std::move(path)), records_(records), buffer_(kFirstBuffer) {}

const shared::Result<std::string_view>& ProcFile::Read() {
  if (calls_until_retry_ > 0) {
    calls_until_retry_ -= 1;
    return text_;  // the error of the last attempt
  }
  shared::Result<size_t> size = fd_.valid() ? ReadOnce() : OpenAndRead();
  if (!size && fd_.valid()) size = OpenAndRead();
  if (size) {
    text_ = std::string_view(buffer_.data(), *size);
  } else {
    fd_.Reset();
    calls_until_retry_ = kRetryCalls - 1;
    text_ = tl::make_unexpected(std::move(size).error());
  }
  return text_;
}

bool ProcFile::PollChanged() {
  if (!fd_.valid() || !on_procfs_) return true;
  pollfd event{fd_.get(), POLLPRI, 0};
  return ::poll(&event, 1, 0) < 0 || (event.revents & (POLLPRI | POLLERR)) != 0;
}

shared::Result<void> ProcFile::Open() {
  fd_.Reset(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd_.valid()) return shared::FailErrno(errno, fmt::format("open {}", path_));
  struct statfs filesystem {};
  on_procfs_ = ::fstatfs(fd_.get(), &filesystem) == 0 && filesystem.f_type == PROC_SUPER_MAGIC;
  return {};
}

shared::Result<size_t> ProcFile::OpenAndRead() {
  RETURN_IF_ERROR(Open());
  return ReadOnce();
}

shared::Result<size_t> ProcFile::ReadOnce() {
  size_t size = 0;
  for (;;) {
    if (size == buffer_.size()) {
      if (size >= kMostBytes) {
        return shared::Fail(shared::ErrorCode::kResourceExhausted, "read {}: larger than {} bytes",
                            path_, kMostBytes);
      }
      buffer_.resize(size * 2);
    }
    const ssize_t got =
        ::pread(fd_.get(), buffer_.data() + size, buffer_.size() - size, static_cast<off_t>(size));
    if (got < 0) {
      if (errno == EINTR) continue;
      shared::Error error = shared::ErrnoError(errno, fmt::format("read {}", path_));
      if (errno == EOPNOTSUPP) error.code = shared::ErrorCode::kNotFound;
      return tl::make_unexpected(std::move(error));
    }
    size += static_cast<size_t>(got);
    if (got == 0) return size;
    if (records_ == Records::kShort && size < kSurelyWhole && size < buffer_.size()) return size;
  }
}

}  // namespace agent::host
