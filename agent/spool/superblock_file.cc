#include "agent/spool/superblock_file.h"

#include <utility>

namespace agent::spool {
namespace {

constexpr uint64_t kSlotOffsets[] = {0, kSecondSlotOffset};

std::string PathIn(const std::string& directory) {
  return directory + "/superblock";
}

}  // namespace

SuperblockFile::Opened SuperblockFile::Open(Files& files, const std::string& directory) {
  Opened opened{SuperblockFile(files, directory), std::nullopt};
  Result<std::unique_ptr<File>> file = files.Open(PathIn(directory));
  if (!file) return opened;
  for (int slot = 0; slot < 2; ++slot) {
    const Result<std::string> bytes = (*file)->ReadAt(kSlotOffsets[slot], kSlotSize);
    if (!bytes) continue;
    const std::optional<Superblock> superblock = DecodeSuperblock(*bytes);
    if (!superblock) continue;
    if (opened.found && superblock->generation <= opened.found->generation) continue;
    opened.found = superblock;
    opened.file.slot_ = 1 - slot;
    opened.file.generation_ = superblock->generation;
  }
  // The slot that we go by may be in memory only: settle it before the other is overwritten.
  if (opened.found && !(*file)->Sync()) opened.file.slot_ = 1 - opened.file.slot_;
  opened.file.file_ = std::move(*file);
  return opened;
}

Result<void> SuperblockFile::Create() {
  ASSIGN_OR_RETURN(std::unique_ptr<File> file, files_->Create(PathIn(directory_)));
  RETURN_IF_ERROR(file->Reserve(kSecondSlotOffset + kSlotSize));
  RETURN_IF_ERROR(files_->SyncDirectory(directory_));
  file_ = std::move(file);
  return {};
}

Result<void> SuperblockFile::Write(Superblock superblock) {
  if (file_ == nullptr) RETURN_IF_ERROR(Create());
  superblock.generation = ++generation_;
  last_ = superblock;
  dirty_ = true;
  return file_->WriteAt(kSlotOffsets[slot_], EncodeSuperblock(last_));
}

Result<void> SuperblockFile::Sync() {
  if (!dirty_) return {};
  if (file_ == nullptr) RETURN_IF_ERROR(Create());
  if (sync_failed_) RETURN_IF_ERROR(file_->WriteAt(kSlotOffsets[slot_], EncodeSuperblock(last_)));
  sync_failed_ = true;
  RETURN_IF_ERROR(file_->Sync());
  sync_failed_ = false;
  dirty_ = false;
  slot_ = 1 - slot_;
  return {};
}

}  // namespace agent::spool
