// Opening: what agent::spool::Spool makes of the bytes that it finds. Reads the superblock, the
// headers of the segments, and the newest segment; never the backlog.
#include <algorithm>
#include <charconv>
#include <utility>

#include "agent/spool/spool.h"

namespace agent::spool {
namespace {

// "0000002a.seg" is 42.
std::optional<uint32_t> FileNumber(std::string_view name) {
  uint32_t number = 0;
  if (name.size() != 12 || !name.ends_with(".seg")) return std::nullopt;
  const auto [end, error] = std::from_chars(name.data(), name.data() + 8, number, 16);
  if (error != std::errc() || end != name.data() + 8) return std::nullopt;
  return number;
}

bool AllZero(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

}  // namespace

Result<std::unique_ptr<Spool>> Spool::Open(SpoolOptions options, Files& files,
                                           const shared::Clock& clock, pipeline::Drops& drops) {
  RETURN_IF_ERROR(files.MakeDirectory(options.directory));
  std::unique_ptr<Spool> spool(new Spool(std::move(options), files, clock, drops));
  ASSIGN_OR_RETURN(spool->lock_, files.TakeLock(spool->options_.directory + "/lock"));
  spool->Recover();
  return spool;
}

void Spool::Recover() {
  SuperblockFile::Opened opened = SuperblockFile::Open(files_, options_.directory);
  superblock_ = std::move(opened.file);
  LoadSegments(opened.found);
  RecoverTail(opened.found);
  RecoverHead(opened.found);
  static_cast<void>(PersistSuperblock(true));
}

void Spool::LoadSegments(const std::optional<Superblock>& superblock) {
  const Result<std::vector<std::string>> names = files_.List(options_.directory);
  if (!names) CountError(names.error());
  std::vector<std::shared_ptr<Segment>> found;
  for (const std::string& name : names.value_or(std::vector<std::string>())) {
    const std::optional<uint32_t> number = FileNumber(name);
    if (!number) continue;
    next_file_number_ = std::max(next_file_number_, *number + 1);
    auto segment = std::make_shared<Segment>();
    segment->path = options_.directory + "/" + name;
    Result<std::unique_ptr<File>> file = files_.Open(segment->path);
    if (!file) {
      CountError(file.error());
      continue;
    }
    segment->file = std::move(*file);
    segment->size = files_.Size(segment->path).value_or(0);
    const std::string head = segment->file->ReadAt(0, kFirstRecordOffset).value_or(std::string());
    if (const std::optional<SegmentHeader> header = DecodeSegmentHeader(head)) {
      segment->header = *header;
      found.push_back(std::move(segment));
      continue;
    }
    if (!AllZero(head)) quarantine_.Keep(Name{}, "segment_" + name.substr(0, 8), head);
    retired_.push_back(std::move(segment));
  }
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return a->header.segment_sequence < b->header.segment_sequence;
  });
  for (std::shared_ptr<Segment>& segment : found) {
    const uint64_t sequence = segment->header.segment_sequence;
    const bool twin = sequence < next_segment_sequence_;
    next_segment_sequence_ = std::max(next_segment_sequence_, sequence + 1);
    const bool settled = superblock && sequence < superblock->head_segment;
    if (twin || settled) {
      retired_.push_back(std::move(segment));
    } else {
      live_.push_back(std::move(segment));
    }
  }
}

void Spool::RecoverTail(const std::optional<Superblock>& superblock) {
  const uint64_t now =
      static_cast<uint64_t>(std::max<int64_t>(shared::ToUnixNanos(clock_.Now()), 1));
  uint64_t newest_incarnation = superblock ? superblock->incarnation : 0;
  const auto see = [&](const std::shared_ptr<Segment>& segment) {
    newest_incarnation = std::max(newest_incarnation, segment->header.incarnation);
  };
  std::for_each(live_.begin(), live_.end(), see);
  std::for_each(retired_.begin(), retired_.end(), see);
  if (superblock) {
    next_segment_sequence_ = std::max(next_segment_sequence_, superblock->head_segment + 1);
    items_ = superblock->head_items;
    settled_ = superblock->settled;
    handed_out_ = superblock->handed_out;
  }
  Tail tail;
  Name last;
  bool durable = true;
  if (!live_.empty()) {
    const std::shared_ptr<Segment>& newest = live_.back();
    tail = ScanTail(*newest);
    last = Name{newest->header.incarnation, tail.last_sequence};
    items_ = std::max(items_, tail.items);
    bytes_ = newest->header.bytes_before + tail.offset - kFirstRecordOffset;
    uint64_t synced = 0;
    if (superblock && superblock->durable_segment == newest->header.segment_sequence) {
      synced = superblock->durable_offset;
    }
    durable = MakeDurable(*newest, synced, tail.offset);
    durable_ = Place{newest->header.segment_sequence, tail.offset, items_};
    durable_name_ = last;
    durable_bytes_ = bytes_;
  }
  // Without the superblock nobody knows which names were sent already, and names of records that
  // may yet vanish must not be used again: begin a new life. What waits keeps its names.
  incarnation_ = newest_incarnation;
  if (!superblock || !durable) incarnation_ = std::max(now, newest_incarnation + 1);
  const Name used = std::max({last, settled_, handed_out_});
  if (used.incarnation == incarnation_) last_sequence_ = used.sequence;
  const Name known = std::max(Name{last.incarnation, tail.last_seen}, settled_);
  if (handed_out_ > known && handed_out_.incarnation == known.incarnation) {
    CountLost(handed_out_.sequence - known.sequence);  // batches: their items are gone with them
  }
  if (last.incarnation == incarnation_ && tail.clean &&
      live_.back()->size == options_.segment_bytes) {
    tail_ = live_.back();
    tail_offset_ = tail.offset;
  }
}

// What a killed process left may be in memory only. It is written again before the sync, because
// after a sync that failed, which we would not know of, the kernel takes those pages for written.
bool Spool::MakeDurable(const Segment& segment, uint64_t begin, uint64_t end) {
  Result<void> done;
  if (begin < end) {
    const Result<std::string> bytes = segment.file->ReadAt(begin, end - begin);
    done = bytes ? segment.file->WriteAt(begin, *bytes) : tl::make_unexpected(bytes.error());
  }
  if (done) done = segment.file->Sync();
  if (!done) CountError(done.error());
  return done.has_value();
}

void Spool::RecoverHead(const std::optional<Superblock>& superblock) {
  if (live_.empty()) {
    head_ = Place{next_segment_sequence_, kFirstRecordOffset, items_};
    return;
  }
  const SegmentHeader& oldest = live_.front()->header;
  head_ = Place{oldest.segment_sequence, kFirstRecordOffset, oldest.items_before};
  if (!superblock) return;
  if (oldest.segment_sequence != superblock->head_segment) {  // whatever is missing shows as a gap
    head_.items = std::min(head_.items, superblock->head_items);
    return;
  }
  const bool at_end =
      head_.segment == durable_.segment && superblock->head_offset >= durable_.offset;
  if (at_end) {
    head_ = durable_;
  } else if (ReadRecordHeader(*live_.front(), superblock->head_offset)) {
    head_.offset = superblock->head_offset;
    head_.items = superblock->head_items;
  }
}

}  // namespace agent::spool
