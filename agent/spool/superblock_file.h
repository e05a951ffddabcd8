#pragma once

#include <memory>
#include <optional>
#include <string>

#include "agent/spool/files.h"
#include "agent/spool/format.h"

namespace agent::spool {

// The file of the two slots. The slot that was last synced is never written until the other one has
// been synced too, so that whatever a power cut tears, one whole slot is left. Not thread-safe.
class SuperblockFile {
 public:
  // `found` is nullopt when the file does not exist or neither slot is valid.
  struct Opened;
  static Opened Open(Files& files, const std::string& directory);

  // Survives the process; after Sync also the machine. The generation is set here.
  Result<void> Write(Superblock superblock);
  Result<void> Sync();

 private:
  SuperblockFile(Files& files, std::string directory)
      : files_(&files), directory_(std::move(directory)) {}
  Result<void> Create();

  Files* files_;
  std::string directory_;
  std::unique_ptr<File> file_;  // null: could not be opened or made yet
  uint64_t generation_ = 0;
  int slot_ = 0;  // where the next write goes
  Superblock last_;
  bool dirty_ = false;
  bool sync_failed_ = false;  // what was written since the last sync must be written again
};

struct SuperblockFile::Opened {
  SuperblockFile file;
  std::optional<Superblock> found;
};

}  // namespace agent::spool
