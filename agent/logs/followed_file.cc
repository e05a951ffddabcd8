#include "agent/logs/followed_file.h"

#include <algorithm>
#include <utility>

#include "shared/text/utf8.h"

namespace agent::logs {

FollowedFile::FollowedFile(FileEntry entry, TailFile file, std::unique_ptr<RecordParser> parser,
                           pgvigil::v1::LogFormat format)
    : entry_(std::move(entry)),
      file_(std::move(file)),
      parser_(std::move(parser)),
      format_(format),
      chunk_begin_(entry_.offset) {
  file_.set_cut(entry_.cut);
}

uint64_t FollowedFile::complete_until() const {
  return parser_->open_record().value_or(file_.line_offset());
}

uint64_t FollowedFile::pending_bytes() const {
  return complete_until() - chunk_begin_;
}

void FollowedFile::Stamp(int from, shared::WallTime now) {
  const auto nanos = static_cast<uint64_t>(shared::ToUnixNanos(now));
  for (int i = from; i < building_.records_size(); ++i) {
    pgvigil::v1::LogRecord& record = *building_.mutable_records(i);
    record.set_observed_unix_nano(nanos);
    if (record.time_unix_nano() == 0) record.set_time_unix_nano(nanos);
  }
}

void FollowedFile::AddLine(const Line& line, const shared::Clock& clock) {
  const int before = building_.records_size();
  if (line.offset == entry_.cut) parser_->Flush(building_);
  parser_->Add(line, building_);
  Stamp(before, clock.Now());
}

// Nothing more belongs to the open record: what comes next begins another, also for whoever reads
// these bytes again.
void FollowedFile::Complete(shared::WallTime now) {
  const int before = building_.records_size();
  parser_->Flush(building_);
  Stamp(before, now);
  if (entry_.cut == file_.line_offset()) return;
  entry_.cut = file_.line_offset();
  needs_checkpoint_ = true;
}

void FollowedFile::EnsureId(bool file_is_complete) {
  if (!entry_.id.empty()) return;
  std::optional<std::string> first_line = ReadFirstLine(file_.fd());
  if (!first_line && file_is_complete) first_line = "";
  if (!first_line) return;
  entry_.id = MakeFileId(entry_.key, *first_line, entry_.epoch);
}

shared::Result<FollowedFile::State> FollowedFile::Turn(const FollowLimits& limits,
                                                       const shared::Clock& clock) {
  if (finished_) return State::kFinished;
  const shared::MonotonicTime now = clock.Monotonic();
  if (!last_read_) last_read_ = now;
  ASSIGN_OR_RETURN(const TailFile::Outcome outcome, file_.Read(limits.turn_bytes));
  Line line;
  if (outcome == TailFile::Outcome::kTruncated) {  // what was read of this life is all there is
    if (file_.TakePartial(line)) AddLine(line, clock);
    Complete(clock.Now());
    return State::kTruncated;
  }
  if (outcome == TailFile::Outcome::kRead) {
    last_read_ = now;
    end_seen_.reset();
    while (file_.NextLine(line)) AddLine(line, clock);
    EnsureId(false);
    if (pending_bytes() > 0 && !pending_since_) pending_since_ = now;
    return State::kRead;
  }
  const auto silence = now - *last_read_;
  const bool ends = retired_ && end_seen_ && now - *end_seen_ >= limits.retire;
  if (retired_ && !end_seen_) end_seen_ = now;
  if (file_.has_partial() && (ends || silence >= limits.partial)) {
    if (file_.TakePartial(line)) AddLine(line, clock);
    Complete(clock.Now());
  }
  if (parser_->open_record() && !file_.has_partial() && (ends || silence >= limits.quiet)) {
    Complete(clock.Now());
  }
  EnsureId(ends || silence >= limits.partial);
  if (pending_bytes() > 0 && !pending_since_) pending_since_ = now;
  finished_ = ends;
  return finished_ ? State::kFinished : State::kAtEnd;
}

bool FollowedFile::TakeChunk(pgvigil::v1::LogChunk& chunk, FilePosition& position) {
  const uint64_t end = complete_until();
  if (end == chunk_begin_ || entry_.id.empty()) return false;
  if (entry_.head_length < kHeadBytes) {
    const auto length = static_cast<uint32_t>(std::min<uint64_t>(end, kHeadBytes));
    if (const std::optional<uint64_t> hash = HashRange(file_.fd(), 0, length)) {
      entry_.head_length = length;
      entry_.head_hash = *hash;
    }
  }
  position = FilePosition{entry_.id, end, 0, 0};
  const auto tail = static_cast<uint32_t>(std::min<uint64_t>(end, kTailBytes));
  if (const std::optional<uint64_t> hash = HashRange(file_.fd(), end - tail, tail)) {
    position.tail_length = tail;
    position.tail_hash = *hash;
  }
  pgvigil::v1::LogFile& file = *building_.mutable_file();
  file.set_id(entry_.id);
  file.set_path(shared::text::CleanUtf8(entry_.path));
  file.set_format(format_);
  file.set_inode(entry_.key.inode);
  file.set_device(entry_.key.device);
  building_.set_begin_offset(chunk_begin_);
  building_.set_end_offset(end);
  chunk_begin_ = end;
  pending_since_.reset();
  chunk = std::move(building_);
  building_ = pgvigil::v1::LogChunk();
  return true;
}

void FollowedFile::Settle(const FilePosition& position) {
  if (position.end <= entry_.offset) return;
  entry_.offset = position.end;
  entry_.tail_length = position.tail_length;
  entry_.tail_hash = position.tail_hash;
}

void FollowedFile::ReplaceParser(std::unique_ptr<RecordParser> parser, shared::WallTime now) {
  if (parser_->open_record()) Complete(now);
  parser_ = std::move(parser);
}

void FollowedFile::Revive() {
  retired_ = false;
  finished_ = false;
  end_seen_.reset();
}

}  // namespace agent::logs
