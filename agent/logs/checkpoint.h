#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/logs/file_identity.h"
#include "shared/base/result.h"
#include "shared/base/unique_fd.h"

// The durable positions of the tailed files.
//
// Format, version 1. All integers little-endian. The file has two slots, at byte 0 and at byte
// 524288 (kSlotBytes). A save writes the slot that is not the newest and then calls fdatasync, so a
// crash leaves at least the one before. A slot:
//
//   0   8  magic "pgvtail1"
//   8   8  generation: the slot with the larger one is the newer
//   16  4  length n of the body
//   20  4  zero
//   24  8  XXH3-64 (shared/wire/checksum.h, seed "pgvtail1") of bytes 0 to 23 and the body
//   32  n  body
//
// The body; a text is a 4-byte length and its bytes:
//
//   8  last incarnation given to the logs stream
//   4  number of sources, then for each:
//        text name ("postgres:main", "syslog"), 8 horizon mtime (ns, signed), text horizon name
//   4  number of files, then for each:
//        text source, text path, 16 id, 8 device, 8 inode, 8 generation, 4 epoch,
//        4 head length, 8 head hash, 8 offset, 4 tail length, 8 tail hash, 8 cut,
//        8 mtime (ns, signed), 1 done (0 or 1)
namespace agent::logs {

// One file that is, or was, read.
struct FileEntry {
  std::string source;
  std::string path;  // where it was last seen
  std::string id;    // 16 bytes: MakeFileId; empty (16 zero bytes) before the first whole line
  FileKey key;
  uint32_t epoch = 0;
  uint32_t head_length = 0;  // of the hashed beginning, at most kHeadBytes
  uint64_t head_hash = 0;
  uint64_t offset = 0;       // the collector has all before it durably
  uint32_t tail_length = 0;  // of the hashed bytes before `offset`, at most kTailBytes
  uint64_t tail_hash = 0;
  // A record was completed here because nothing came for long, not because the next began; 0: none.
  // Whoever reads again breaks at the same place, so that record offsets stay as they were sent.
  uint64_t cut = 0;
  int64_t mtime_nanos = 0;  // last seen
  bool done = false;        // rotated away, read to its end, acknowledged
  friend bool operator==(const FileEntry&, const FileEntry&) = default;
};

// Which unknown files of a directory are news: those after (mtime, name) in that order.
struct SourceEntry {
  std::string name;
  int64_t horizon_mtime_nanos = 0;
  std::string horizon_name;
  friend bool operator==(const SourceEntry&, const SourceEntry&) = default;
};

struct CheckpointState {
  uint64_t last_incarnation = 0;
  std::vector<SourceEntry> sources;
  std::vector<FileEntry> files;
  friend bool operator==(const CheckpointState&, const CheckpointState&) = default;
};

inline constexpr size_t kSlotBytes = 512 * 1024;

// A slot's bytes. kResourceExhausted: more than kSlotBytes; the message has both sizes.
shared::Result<std::string> EncodeSlot(const CheckpointState& state, uint64_t generation);
// Back. kMalformed for any bytes that EncodeSlot did not make; allocates no more than `bytes` hold.
struct DecodedSlot {
  CheckpointState state;
  uint64_t generation = 0;
};
shared::Result<DecodedSlot> DecodeSlot(std::string_view bytes);

// What a checkpoint file holds, for others than the tailer: makes nothing, and may run while the
// tailer saves. kNotFound: there is no file; kMalformed: neither slot is readable.
shared::Result<CheckpointState> ReadCheckpoint(const std::string& path);

// The file. One thread.
class Checkpoint {
 public:
  enum class Origin {
    kNew,      // there was no file: the first start ever
    kLoaded,   // the newest slot, or the one before it when that was torn
    kDamaged,  // there was a file, and neither slot is readable
  };

  // Reads `path`, creating it when it does not exist. Damage is no error: positions start empty,
  // ids come out as before, and what is read again is stored once.
  static shared::Result<Checkpoint> Open(const std::string& path);

  [[nodiscard]] const CheckpointState& loaded() const { return loaded_; }
  [[nodiscard]] Origin origin() const { return origin_; }

  // Durable when it returns. On an error the state on disk is the one before; the next call tries
  // the same slot again.
  shared::Result<void> Save(const CheckpointState& state);

 private:
  Checkpoint() = default;

  std::string path_;
  shared::UniqueFd fd_;
  CheckpointState loaded_;
  Origin origin_ = Origin::kNew;
  uint64_t generation_ = 0;
  int newest_slot_ = 1;
};

}  // namespace agent::logs
