// The delivering side of agent::spool::Spool.
#include <algorithm>
#include <utility>

#include "agent/spool/spool.h"

namespace agent::spool {
namespace {

constexpr uint64_t kKeptOfBadSpan = uint64_t{64} << 10;

}  // namespace

std::optional<ship::OutgoingBatch> Spool::Next() {
  for (;;) {
    const Reading reading = LookAtHead();
    if (reading.segment == nullptr) return std::nullopt;
    std::optional<StoredRecord> record = ReadRecord(*reading.segment, reading.head.offset);
    // A segment that was closed after a failed sync may hold copies of what the next one begins
    // with.
    if (!record || record->header.items_before >= reading.continuation.items ||
        reading.head.offset + RecordSize(record->header.payload_size) > reading.end.offset) {
      SkipBadSpan(reading);
      continue;
    }
    const RecordHeader& header = record->header;
    const Name name{reading.segment->header.incarnation, header.sequence};
    Place after = reading.head;
    after.offset += RecordSize(header.payload_size);
    if (name <= reading.settled) {
      after.items = record->items_after();
      MoveHead(reading.epoch, after);
      continue;
    }
    if (!record->intact) {  // counted when the next whole one shows the gap
      if (MoveHead(reading.epoch, after)) quarantine_.Keep(name, "corrupt", record->payload);
      continue;
    }
    const uint64_t gap =
        header.items_before > reading.head.items ? header.items_before - reading.head.items : 0;
    after.items = record->items_after();
    Place place = reading.head;
    place.items = std::max(place.items, header.items_before);
    bool first_time = false;
    {
      const std::lock_guard lock(mutex_);
      if (epoch_ != reading.epoch) continue;  // dropped while it was read
      head_ = place;
      head_created_unix_nano_ = header.created_unix_nano;
      first_time = name > handed_out_;
      handed_out_ = std::max(handed_out_, name);
    }
    CountLost(gap);
    current_ = Current{name, place, after, reading.epoch};
    if (first_time) static_cast<void>(PersistSuperblock(false));
    return ship::OutgoingBatch{name.incarnation, name.sequence, std::move(record->payload)};
  }
}

Spool::Reading Spool::LookAtHead() {
  const std::lock_guard lock(mutex_);
  for (;;) {
    if (live_.empty()) return {};
    if (live_.front()->header.segment_sequence > head_.segment) {  // that one never came to be
      head_.segment = live_.front()->header.segment_sequence;
      head_.offset = kFirstRecordOffset;
      epoch_ += 1;
    }
    const auto at = std::find_if(live_.begin(), live_.end(), [&](const auto& segment) {
      return segment->header.segment_sequence == head_.segment;
    });
    if (at == live_.end() || head_.segment > durable_.segment) return {};
    Reading reading;
    reading.segment = *at;
    reading.head = head_;
    reading.settled = settled_;
    reading.epoch = epoch_;
    if (head_.segment == durable_.segment) {
      if (head_.offset >= durable_.offset) return {};
      reading.end = durable_;
      reading.continuation = durable_;
      return reading;
    }
    const auto next = std::next(at);
    if (next == live_.end()) return {};
    const SegmentHeader& next_header = (*next)->header;
    reading.end = Place{head_.segment, reading.segment->size, next_header.items_before};
    reading.continuation =
        Place{next_header.segment_sequence, kFirstRecordOffset, next_header.items_before};
    if (head_.items < next_header.items_before) return reading;
    reading.continuation.items = head_.items;  // never back
    head_ = reading.continuation;
    epoch_ += 1;
    RetireBeforeHead();
  }
}

// At the head is no record that can be read: goes on with the next one, wherever that is.
void Spool::SkipBadSpan(const Reading& reading) {
  const Segment& segment = *reading.segment;
  Place to = reading.continuation;
  uint64_t span = reading.end.offset - reading.head.offset;
  const std::optional<uint64_t> found =
      FindRecord(segment, reading.head.offset + 8, reading.end.offset);
  if (found) {
    const std::optional<RecordHeader> header = ReadRecordHeader(segment, *found);
    if (header && header->items_before < reading.continuation.items) {
      to = Place{reading.head.segment, *found, reading.head.items};
      span = *found - reading.head.offset;
    }
  }
  if (!MoveHead(reading.epoch, to)) return;
  const Name after = reading.settled;
  if (const Result<std::string> bytes =
          segment.file->ReadAt(reading.head.offset, std::min(span, kKeptOfBadSpan))) {
    quarantine_.Keep(Name{after.incarnation, after.sequence}, "corrupt_span", *bytes);
  }
  if (to.items > reading.head.items) CountLost(to.items - reading.head.items);
}

// False: the writer has moved the head meanwhile, and nothing was done.
bool Spool::MoveHead(uint64_t epoch, const Place& to) {
  const std::lock_guard lock(mutex_);
  if (epoch_ != epoch) return false;
  head_ = to;
  head_created_unix_nano_ = 0;
  epoch_ += 1;
  RetireBeforeHead();
  return true;
}

void Spool::RetireBeforeHead() {
  while (!live_.empty() && live_.front()->header.segment_sequence < head_.segment) {
    retired_.push_back(live_.front());
    live_.pop_front();
  }
}

void Spool::CountLost(uint64_t items) {
  if (items == 0) return;
  drops_.Add(options_.stream, "corrupt", items);
  if (error_log_.Allow()) {
    shared::log::Error("spool {}: damaged on disk, {} items are lost", options_.directory, items);
  }
}

void Spool::Acknowledge(uint64_t incarnation, uint64_t sequence) {
  Name name{incarnation, sequence};
  uint64_t lost_items = 0;
  {
    const std::lock_guard lock(mutex_);
    const Name last = std::max(handed_out_, durable_name_);
    if (name <= settled_ || name.incarnation > last.incarnation) return;
    if (name > last) {
      // The names of all that waits stand for other batches at the collector: it would take none.
      forked_incarnation_ = incarnation;
      lost_items = durable_.items > head_.items ? durable_.items - head_.items : 0;
      name = last;
      head_ = durable_;
      head_created_unix_nano_ = 0;
      epoch_ += 1;
      RetireBeforeHead();
    } else if (current_ && current_->name <= name && current_->epoch == epoch_) {
      head_ = current_->after;
      head_created_unix_nano_ = 0;
      epoch_ += 1;
    }
    settled_ = name;
  }
  current_.reset();
  settled_since_sync_ = true;
  if (lost_items > 0) {
    drops_.Add(options_.stream, "names_taken", lost_items);
    shared::log::Error(
        "spool {}: the collector has batch {} already, which was never made here: is this a copy "
        "of "
        "an older state? {} items are lost",
        options_.directory, sequence, lost_items);
  }
  // Not synced: after a power cut the collector gets them again and knows them.
  static_cast<void>(PersistSuperblock(false));
}

void Spool::SetAside(uint64_t incarnation, uint64_t sequence, std::string_view reason) {
  const Name name{incarnation, sequence};
  if (!current_ || current_->name != name) return;
  const Current current = *current_;
  const Reading reading = LookAtHead();
  if (reading.segment != nullptr && reading.epoch == current.epoch) {
    if (const std::optional<StoredRecord> record =
            ReadRecord(*reading.segment, current.place.offset)) {
      quarantine_.Keep(name, reason, record->payload);
    }
  }
  drops_.Add(options_.stream, fmt::format("set_aside:{}", reason),
             current.after.items - current.place.items,
             current.after.offset - current.place.offset);
  Acknowledge(incarnation, sequence);
}

pgvigil::v1::StreamStatus Spool::waiting() const {
  pgvigil::v1::StreamStatus status;
  status.set_stream(options_.stream);
  const std::lock_guard lock(mutex_);
  if (live_.empty()) return status;
  const SegmentHeader& header = live_.front()->header;  // the head's, or the first after it
  const uint64_t head_bytes = header.segment_sequence == head_.segment
                                  ? header.bytes_before + head_.offset - kFirstRecordOffset
                                  : header.bytes_before;
  if (durable_bytes_ <= head_bytes) return status;
  status.set_waiting_bytes(durable_bytes_ - head_bytes);
  status.set_oldest_waiting_unix_nano(head_created_unix_nano_ != 0 ? head_created_unix_nano_
                                                                   : header.created_unix_nano);
  return status;
}

}  // namespace agent::spool
