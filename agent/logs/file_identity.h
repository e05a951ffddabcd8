#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "shared/base/result.h"

// How a log file is told apart from every other that has, or ever had, its path or its inode.
//
// The key (device, inode, generation) finds a file again after a rename and tells it from a later
// one with the same inode: ext4 gives a freed inode number to the next file almost always, but with
// another generation (FS_IOC_GETVERSION). It cannot see a file that was truncated and written anew,
// nor a device that got another number at boot. So what the key says is checked against content: a
// hash of the first min(size, 1024) bytes, taken from the first byte on and taken again as the file
// grows, and a hash of the 64 bytes before the saved position. A file that fails either, or is
// shorter than the position, is a new file and is read from 0, never from its end.
//
// The id that batches carry is made of what stays as it is while the file grows: the key and the
// first line (a file without a whole line has nothing to send). So the same file gets the same id
// even when the checkpoint is lost, and a file that was truncated gets another, for its first line
// has another time. Should the first line be the same again, the epoch tells the lives apart: it
// lives in the checkpoint only, which is why a checkpoint with the entry is durable before the
// first batch of a file is handed out. The checkpoint also keeps the id itself, so that a changed
// device number or a later rule for ids does not rename files that are half read.
namespace agent::logs {

inline constexpr size_t kHeadBytes = 1024;
inline constexpr size_t kTailBytes = 64;

struct FileKey {
  uint64_t device = 0;
  uint64_t inode = 0;
  // FS_IOC_GETVERSION; where the file system has none, the birth time in nanoseconds (statx); else
  // 0.
  uint64_t generation = 0;
  friend bool operator==(const FileKey&, const FileKey&) = default;
};

// What is known of a regular file at one moment.
struct FileStatus {
  FileKey key;
  uint64_t size = 0;
  int64_t mtime_nanos = 0;
  uint64_t links = 0;  // 0: unlinked, lives by the descriptor
};

// kInvalidInput: not a regular file. `path` is for the message.
shared::Result<FileStatus> ReadFileStatus(int fd, const std::string& path);

// Hash of `length` bytes from `offset`, at most kHeadBytes; nullopt: the file does not have them.
std::optional<uint64_t> HashRange(int fd, uint64_t offset, size_t length);

// The file's first line with its '\n', or its first kHeadBytes when the line is longer; nullopt:
// there is no whole line yet.
std::optional<std::string> ReadFirstLine(int fd);

// 16 bytes.
std::string MakeFileId(const FileKey& key, std::string_view first_line, uint32_t epoch);

}  // namespace agent::logs
