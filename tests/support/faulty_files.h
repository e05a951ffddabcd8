#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "agent/spool/files.h"

namespace tests {

// A file system in memory that fails and forgets as disks do. What was written is seen by readers
// at once, but outlives PowerCut() only when it was synced, or by luck: of what was not, any subset
// of the 512-byte sectors survives. A failed sync drops what it should have written, and the next
// one succeeds, as on Linux. Names of new files survive for certain only after SyncDirectory.
// Thread-safe.
class FaultyFiles final : public agent::spool::Files {
 public:
  explicit FaultyFiles(uint64_t seed = 1) : random_(seed) {}

  // The power goes and comes back. Everything that was opened before is dead: writes through it
  // fail.
  void PowerCut();
  // The process was killed: what it opened is dead, what it wrote is there.
  void Kill();

  // Each of these concerns the next calls, counted down; 0: none.
  void FailWrites(int count, bool tear);  // with EIO; `tear`: a part is written nevertheless
  void FailSyncs(int count);              // with EIO
  void FailCreates(int count);            // with ENOSPC
  void FailReads(int count);              // with EIO
  void SetSpace(uint64_t bytes);          // what all files may take together; ENOSPC beyond

  // Contents, for damage by hand. nullptr: no such file.
  std::string* Content(const std::string& path);
  std::vector<std::string> Paths() const;
  uint64_t syncs() const { return syncs_; }

  shared::Result<std::unique_ptr<agent::spool::File>> Open(const std::string& path) override;
  shared::Result<std::unique_ptr<agent::spool::File>> Create(const std::string& path) override;
  shared::Result<std::vector<std::string>> List(const std::string& directory) override;
  shared::Result<uint64_t> Size(const std::string& path) override;
  shared::Result<void> Remove(const std::string& path) override;
  shared::Result<void> MakeDirectory(const std::string& path) override;
  shared::Result<void> SyncDirectory(const std::string& path) override;
  shared::Result<std::unique_ptr<agent::spool::Lock>> TakeLock(const std::string& path) override;

 private:
  friend class FaultyFile;
  struct Node {
    std::string content;         // what readers see
    std::string durable;         // what certainly survives
    std::vector<bool> unsynced;  // sectors of `content` that `durable` may not have
    bool named = false;          // its name survives
  };
  bool Take(int& count);
  void MarkUnsynced(Node& node, uint64_t offset, uint64_t size);
  void MakeDurable(Node& node);
  uint64_t Used() const;

  mutable std::mutex mutex_;
  std::mt19937_64 random_;
  std::map<std::string, std::shared_ptr<Node>> nodes_;
  std::map<std::string, bool> locks_;
  uint64_t life_ = 0;
  int fail_writes_ = 0;
  bool tear_ = false;
  int fail_syncs_ = 0;
  int fail_creates_ = 0;
  int fail_reads_ = 0;
  uint64_t space_ = UINT64_MAX;
  uint64_t syncs_ = 0;
};

}  // namespace tests
