#include "agent/spool/spool.h"

#include <algorithm>
#include <utility>

namespace agent::spool {

using shared::Error;
using shared::ErrorCode;
using shared::Fail;

Spool::Spool(SpoolOptions options, Files& files, const shared::Clock& clock, pipeline::Drops& drops)
    : options_(std::move(options)),
      files_(files),
      clock_(clock),
      drops_(drops),
      quarantine_(files, options_.directory + "/quarantine", options_.quarantine_bytes) {}

Spool::~Spool() {
  if (lock_ == nullptr) return;
  ready_ = [] {};  // who waited for it may be gone
  static_cast<void>(Sync());
  static_cast<void>(PersistSuperblock(true));
}

Result<uint64_t> Spool::Append(std::string_view payload, uint64_t items) {
  const uint64_t size = RecordSize(payload.size());
  if (size > options_.segment_bytes - kFirstRecordOffset) {
    return Fail(ErrorCode::kInvalidInput, "a batch of {} bytes does not fit in a segment of {}",
                payload.size(), options_.segment_bytes);
  }
  Pending record;
  record.payload = payload;
  record.header.sequence = last_sequence_ + 1;
  record.header.created_unix_nano = static_cast<uint64_t>(shared::ToUnixNanos(clock_.Now()));
  record.header.items_before = items_;
  record.header.items = static_cast<uint32_t>(std::clamp<uint64_t>(items, 1, UINT32_MAX));
  // Twice: a segment that fails is closed, and another takes over.
  for (int attempt = 0;; ++attempt) {
    for (int tries = 0; tail_ == nullptr || size > tail_->size - tail_offset_; ++tries) {
      if (tries == 2) return Fail(ErrorCode::kResourceExhausted, "no segment has room");
      RETURN_IF_ERROR(OpenTail());
    }
    const Result<void> written = WriteRecord(*tail_, tail_offset_, record);
    if (written) break;
    CloseTail(written.error());
    if (attempt == 1) return tl::make_unexpected(written.error());
  }
  last_sequence_ += 1;
  items_ += record.header.items;
  bytes_ += size;
  if (pending_.empty()) first_pending_ = clock_.Monotonic();
  pending_.push_back(std::move(record));
  pending_bytes_ += size;
  // On failure the record stays pending, and the next Sync tries another segment.
  if (pending_bytes_ >= options_.sync_bytes) static_cast<void>(Sync());
  return last_sequence_;
}

std::optional<shared::MonotonicTime> Spool::sync_due() const {
  if (pending_.empty()) return std::nullopt;
  return first_pending_ + options_.sync_period;
}

Result<void> Spool::Sync() {
  for (int attempt = 0; !pending_.empty(); ++attempt) {
    if (tail_ == nullptr) RETURN_IF_ERROR(OpenTail());
    const Result<void> synced = SyncTail();
    if (!synced && attempt == 1) return synced;
  }
  if (forked_incarnation_ == incarnation_) BeginNewLife();
  return {};
}

void Spool::BeginNewLife() {
  tail_ = nullptr;
  last_sequence_ = 0;
  const auto now = static_cast<uint64_t>(std::max<int64_t>(shared::ToUnixNanos(clock_.Now()), 1));
  incarnation_ = std::max(now, incarnation_ + 1);
  static_cast<void>(PersistSuperblock(true));
}

// Everything pending is in the tail.
Result<void> Spool::SyncTail() {
  if (Result<void> synced = tail_->file->Sync(); !synced) {
    CloseTail(synced.error());
    return synced;
  }
  pending_.clear();
  pending_bytes_ = 0;
  {
    const std::lock_guard lock(mutex_);
    durable_ = Place{tail_->header.segment_sequence, tail_offset_, items_};
    durable_name_ = Name{incarnation_, last_sequence_};
    durable_bytes_ = bytes_;
  }
  ready_();  // after it was published, or the other thread would look too early
  if (settled_since_sync_.exchange(false)) static_cast<void>(PersistSuperblock(true));
  return {};
}

// Begins a new segment with what is pending. What the old one holds is durable before, so that only
// the newest needs looking at after a crash.
Result<void> Spool::OpenTail() {
  if (tail_ != nullptr && !pending_.empty()) static_cast<void>(SyncTail());
  tail_ = nullptr;
  ASSIGN_OR_RETURN(const std::shared_ptr<Segment> segment, TakeSegment());
  segment->header.segment_sequence = next_segment_sequence_++;
  segment->header.incarnation = incarnation_;
  segment->header.first_sequence =
      pending_.empty() ? last_sequence_ + 1 : pending_.front().header.sequence;
  segment->header.items_before = pending_.empty() ? items_ : pending_.front().header.items_before;
  segment->header.bytes_before = bytes_ - pending_bytes_;
  segment->header.created_unix_nano = static_cast<uint64_t>(shared::ToUnixNanos(clock_.Now()));
  // The header last: until what is pending stands here, what stands in the old segment counts.
  uint64_t offset = kFirstRecordOffset;
  Result<void> written;
  for (const Pending& pending : pending_) {
    if (written) written = WriteRecord(*segment, offset, pending);
  }
  if (written) written = segment->file->WriteAt(0, EncodeSegmentHeader(segment->header));
  if (!written) CountError(written.error());
  const std::lock_guard lock(mutex_);
  if (!written) {
    segment->damaged = true;
    retired_.push_back(segment);
    return written;
  }
  live_.push_back(segment);
  tail_ = segment;
  tail_offset_ = offset;
  return {};
}

// Moves `offset` behind the record.
Result<void> Spool::WriteRecord(const Segment& segment, uint64_t& offset, const Pending& pending) {
  RecordHeader header = pending.header;
  header.segment_sequence = segment.header.segment_sequence;
  const std::string bytes = EncodeRecord(header, incarnation_, pending.payload);
  RETURN_IF_ERROR(segment.file->WriteAt(offset, bytes));
  offset += bytes.size();
  return {};
}

void Spool::CloseTail(const Error& error) {
  CountError(error);
  const std::lock_guard lock(mutex_);
  tail_->damaged = true;
  tail_ = nullptr;
}

// A segment to write to: one that is settled, else a new one, else the oldest that waits.
Result<std::shared_ptr<Segment>> Spool::TakeSegment() {
  const uint64_t most = std::max<uint64_t>(2, options_.max_bytes / options_.segment_bytes);
  for (;;) {
    std::shared_ptr<Segment> old;
    {
      const std::lock_guard lock(mutex_);
      if (!retired_.empty()) {
        old = retired_.back();
        retired_.pop_back();
      }
    }
    if (old != nullptr) {
      // A head that still points into it must not be found after a crash.
      static_cast<void>(PersistSuperblock(true));
      if (old->damaged || old->size != options_.segment_bytes || SegmentCount() >= most) {
        static_cast<void>(files_.Remove(old->path));
        continue;
      }
      auto segment = std::make_shared<Segment>();
      segment->path = old->path;
      segment->file = old->file;
      segment->size = old->size;
      return segment;
    }
    if (SegmentCount() < most) {
      Result<std::shared_ptr<Segment>> created = CreateSegmentFile();
      if (created) return created;
      CountError(created.error());
      if (created.error().code != ErrorCode::kResourceExhausted) return created;
    }
    if (!DropOldest()) return Fail(ErrorCode::kResourceExhausted, "no room for a segment");
  }
}

uint64_t Spool::SegmentCount() const {
  const std::lock_guard lock(mutex_);
  return live_.size() + retired_.size();
}

Result<std::shared_ptr<Segment>> Spool::CreateSegmentFile() {
  auto segment = std::make_shared<Segment>();
  segment->path = fmt::format("{}/{:08x}.seg", options_.directory, next_file_number_++);
  segment->size = options_.segment_bytes;
  ASSIGN_OR_RETURN(segment->file, files_.Create(segment->path));
  Result<void> made = segment->file->Reserve(segment->size);
  if (made) made = files_.SyncDirectory(options_.directory);
  if (!made) {
    static_cast<void>(files_.Remove(segment->path));
    return tl::make_unexpected(made.error());
  }
  return segment;
}

// Gives up the oldest segment, what waits in it and all. False: there is none.
bool Spool::DropOldest() {
  uint64_t lost_items = 0;
  uint64_t lost_bytes = 0;
  {
    const std::lock_guard lock(mutex_);
    if (live_.empty()) return false;
    const std::shared_ptr<Segment> oldest = live_.front();
    live_.pop_front();
    retired_.push_back(oldest);
    Place next{next_segment_sequence_, kFirstRecordOffset, items_ - PendingItems()};
    uint64_t next_bytes = bytes_ - pending_bytes_;
    if (!live_.empty()) {
      const SegmentHeader& header = live_.front()->header;
      next = Place{header.segment_sequence, kFirstRecordOffset, header.items_before};
      next_bytes = header.bytes_before;
      settled_ = std::max(settled_, Name{header.incarnation, header.first_sequence - 1});
    } else {
      settled_ = std::max(settled_, durable_name_);
    }
    const uint64_t head_bytes = oldest->header.bytes_before + head_.offset - kFirstRecordOffset;
    if (next.items > head_.items) lost_items = next.items - head_.items;
    if (next_bytes > head_bytes) lost_bytes = next_bytes - head_bytes;
    head_ = next;
    head_created_unix_nano_ = 0;
    epoch_ += 1;
  }
  if (lost_items > 0) drops_.Add(options_.stream, "spool_full", lost_items, lost_bytes);
  return true;
}

uint64_t Spool::PendingItems() const {
  return pending_.empty() ? 0 : items_ - pending_.front().header.items_before;
}

Result<void> Spool::PersistSuperblock(bool sync) {
  const std::lock_guard superblock_lock(superblock_mutex_);
  Superblock superblock;
  superblock.incarnation = incarnation_;
  {
    const std::lock_guard lock(mutex_);
    superblock.settled = settled_;
    superblock.handed_out = handed_out_;
    superblock.head_segment = head_.segment;
    superblock.head_offset = head_.offset;
    superblock.head_items = head_.items;
    superblock.durable_segment = durable_.segment;
    superblock.durable_offset = durable_.offset;
  }
  Result<void> done = superblock_->Write(superblock);
  if (done && sync) done = superblock_->Sync();
  if (!done) CountError(done.error());
  return done;
}

void Spool::CountError(const Error& error) {
  errors_ += 1;
  if (error_log_.Allow()) shared::log::Error("spool {}: {}", options_.directory, error.message);
}

}  // namespace agent::spool
