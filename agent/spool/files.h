#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"

namespace agent::spool {

using shared::Result;

// One open file. Each call may come from any thread.
class File {
 public:
  virtual ~File() = default;
  // Up to `size` bytes; fewer only at the end of the file.
  virtual Result<std::string> ReadAt(uint64_t offset, size_t size) = 0;
  // All of `bytes` or an error, after which any part of them may have been written.
  virtual Result<void> WriteAt(uint64_t offset, std::string_view bytes) = 0;
  // Makes the space of the first `size` bytes ours, so that writing there needs none.
  virtual Result<void> Reserve(uint64_t size) = 0;
  // What was written is on the medium (fdatasync). After an error nothing may be believed of the
  // writes since the last success, and a later success says nothing about them.
  virtual Result<void> Sync() = 0;
};

// Held while it lives.
class Lock {
 public:
  virtual ~Lock() = default;
};

// What the spool needs of a file system; tests put one below it that fails and forgets as disks do
// (tests/support/faulty_files.h).
class Files {
 public:
  virtual ~Files() = default;
  virtual Result<std::unique_ptr<File>> Open(const std::string& path) = 0;          // kNotFound
  virtual Result<std::unique_ptr<File>> Create(const std::string& path) = 0;        // or empties it
  virtual Result<std::vector<std::string>> List(const std::string& directory) = 0;  // names, sorted
  virtual Result<uint64_t> Size(const std::string& path) = 0;
  virtual Result<void> Remove(const std::string& path) = 0;
  virtual Result<void> MakeDirectory(const std::string& path) = 0;  // with parents; may exist
  // The names in the directory are on the medium.
  virtual Result<void> SyncDirectory(const std::string& path) = 0;
  // kUnavailable: another process holds it.
  virtual Result<std::unique_ptr<Lock>> TakeLock(const std::string& path) = 0;
};

// The real ones.
class DiskFiles final : public Files {
 public:
  Result<std::unique_ptr<File>> Open(const std::string& path) override;
  Result<std::unique_ptr<File>> Create(const std::string& path) override;
  Result<std::vector<std::string>> List(const std::string& directory) override;
  Result<uint64_t> Size(const std::string& path) override;
  Result<void> Remove(const std::string& path) override;
  Result<void> MakeDirectory(const std::string& path) override;
  Result<void> SyncDirectory(const std::string& path) override;
  Result<std::unique_ptr<Lock>> TakeLock(const std::string& path) override;
};

}  // namespace agent::spool
