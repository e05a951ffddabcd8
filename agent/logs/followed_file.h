#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "agent/logs/checkpoint.h"
#include "agent/logs/record_parser.h"
#include "agent/logs/tail_file.h"
#include "pgvigil/v1/logs.pb.h"
#include "shared/base/clock.h"
#include "shared/base/result.h"

namespace agent::logs {

struct FollowLimits {
  size_t turn_bytes = size_t{64} * 1024;      // read in one turn
  std::chrono::milliseconds quiet{2'000};     // then the open record is complete
  std::chrono::milliseconds partial{60'000};  // then a line without its end is sent as it is
  std::chrono::milliseconds retire{5'000};    // between the two ends seen of a rotated file
};

// How far a batch goes in one file; settled when the collector has it durably.
struct FilePosition {
  std::string id;
  uint64_t end = 0;
  uint32_t tail_length = 0;  // of the bytes before `end`, for FileEntry
  uint64_t tail_hash = 0;
};

// One file that is being read: bytes in, chunks of whole records out, and what is durable of it.
//
// A chunk ends where a record begins, or, after silence, where the file ended; that place is then
// entry().cut, and must be durable before the chunk is handed out: needs_checkpoint().
class FollowedFile {
 public:
  enum class State {
    kRead,       // bytes came
    kAtEnd,      // nothing new
    kTruncated,  // the file's content is another's: take the last chunk and follow it anew
    kFinished,   // rotated away and read to its end
  };

  // `file` stands where `entry.offset` says.
  FollowedFile(FileEntry entry, TailFile file, std::unique_ptr<RecordParser> parser,
               pgvigil::v1::LogFormat format);

  // Reads and parses once. An error: the file cannot be read at present.
  shared::Result<State> Turn(const FollowLimits& limits, const shared::Clock& clock);

  // Bytes in complete records that no chunk has taken yet.
  [[nodiscard]] uint64_t pending_bytes() const;
  // Moves them out; false: there are none.
  bool TakeChunk(pgvigil::v1::LogChunk& chunk, FilePosition& position);
  // The collector has the file up to there.
  void Settle(const FilePosition& position);
  // Everything that was read is settled.
  [[nodiscard]] bool all_settled() const {
    return entry_.offset >= chunk_begin_ && pending_bytes() == 0;
  }

  // Parses what comes with another parser, after completing the open record.
  void ReplaceParser(std::unique_ptr<RecordParser> parser, shared::WallTime now);

  // The writer has moved on to another file: read to the end, then kFinished.
  void Retire() { retired_ = true; }
  // It is the current file (again).
  void Revive();
  [[nodiscard]] bool retired() const { return retired_; }
  [[nodiscard]] bool finished() const { return finished_; }

  [[nodiscard]] const FileEntry& entry() const { return entry_; }
  FileEntry& entry() { return entry_; }
  [[nodiscard]] TailFile& file() { return file_; }
  // The entry has something that must be durable before the next chunk is handed out.
  [[nodiscard]] bool needs_checkpoint() const { return needs_checkpoint_; }
  void CheckpointSaved() { needs_checkpoint_ = false; }
  [[nodiscard]] std::optional<shared::MonotonicTime> pending_since() const {
    return pending_since_;
  }

 private:
  void AddLine(const Line& line, const shared::Clock& clock);
  void Complete(shared::WallTime now);
  void Stamp(int from, shared::WallTime now);
  void EnsureId(bool file_is_complete);
  [[nodiscard]] uint64_t complete_until() const;

  FileEntry entry_;
  TailFile file_;
  std::unique_ptr<RecordParser> parser_;
  const pgvigil::v1::LogFormat format_;
  pgvigil::v1::LogChunk building_;
  uint64_t chunk_begin_;
  bool retired_ = false;
  bool finished_ = false;
  bool needs_checkpoint_ = true;
  std::optional<shared::MonotonicTime> last_read_;
  std::optional<shared::MonotonicTime> end_seen_;
  std::optional<shared::MonotonicTime> pending_since_;
};

}  // namespace agent::logs
