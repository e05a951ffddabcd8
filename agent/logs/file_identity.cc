#include "agent/logs/file_identity.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "shared/wire/checksum.h"

namespace agent::logs {
namespace {

constexpr uint64_t kHashSeed = 0x6c6f672d68617368;  // "log-hash"
constexpr uint64_t kIdSeed = 0x6c6f672d69642d30;    // "log-id-0", and the next for the other half

void AppendInteger(uint64_t value, std::string& out) {
  for (int byte = 0; byte < 8; ++byte) out.push_back(static_cast<char>(value >> (8 * byte)));
}

// As many bytes as there are, up to the buffer's size.
std::string_view ReadAt(int fd, uint64_t offset, std::array<char, kHeadBytes>& buffer,
                        size_t length) {
  size_t got = 0;
  while (got < length) {
    const ssize_t n =
        ::pread(fd, buffer.data() + got, length - got, static_cast<off_t>(offset + got));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    got += static_cast<size_t>(n);
  }
  return {buffer.data(), got};
}

}  // namespace

shared::Result<FileStatus> ReadFileStatus(int fd, const std::string& path) {
  struct statx status {};
  if (::statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &status) != 0) {
    return shared::FailErrno(errno, fmt::format("stat {}", path));
  }
  if (!S_ISREG(status.stx_mode)) {
    return shared::Fail(shared::ErrorCode::kInvalidInput, "{}: not a regular file", path);
  }
  FileStatus out;
  out.key.device = makedev(status.stx_dev_major, status.stx_dev_minor);
  out.key.inode = status.stx_ino;
  out.size = status.stx_size;
  out.mtime_nanos = status.stx_mtime.tv_sec * 1'000'000'000 + status.stx_mtime.tv_nsec;
  out.links = status.stx_nlink;
  // The kernel writes an int here, whatever the macro says (ioctl_getversion in fs/ext4, fs/xfs).
  std::array<int, 2> version{};
  if (::ioctl(fd, FS_IOC_GETVERSION, version.data()) == 0) {
    out.key.generation = static_cast<uint32_t>(version[0]);
  } else if ((status.stx_mask & STATX_BTIME) != 0) {
    out.key.generation =
        static_cast<uint64_t>(status.stx_btime.tv_sec) * 1'000'000'000 + status.stx_btime.tv_nsec;
  }
  return out;
}

std::optional<uint64_t> HashRange(int fd, uint64_t offset, size_t length) {
  std::array<char, kHeadBytes> buffer;
  length = std::min(length, buffer.size());
  const std::string_view bytes = ReadAt(fd, offset, buffer, length);
  if (bytes.size() < length) return std::nullopt;
  return shared::wire::Checksum(bytes, kHashSeed);
}

std::optional<std::string> ReadFirstLine(int fd) {
  std::array<char, kHeadBytes> buffer;
  const std::string_view head = ReadAt(fd, 0, buffer, buffer.size());
  const size_t end = head.find('\n');
  if (end == std::string_view::npos && head.size() < kHeadBytes) return std::nullopt;
  return std::string(head.substr(0, end == std::string_view::npos ? head.size() : end + 1));
}

std::string MakeFileId(const FileKey& key, std::string_view first_line, uint32_t epoch) {
  std::string material;
  AppendInteger(key.device, material);
  AppendInteger(key.inode, material);
  AppendInteger(key.generation, material);
  AppendInteger(epoch, material);
  material += first_line;
  std::string id;
  AppendInteger(shared::wire::Checksum(material, kIdSeed), id);
  AppendInteger(shared::wire::Checksum(material, kIdSeed + 1), id);
  return id;
}

}  // namespace agent::logs
