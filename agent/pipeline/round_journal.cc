#include "agent/pipeline/round_journal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "agent/pipeline/layout_message.h"
#include "shared/base/file.h"

namespace agent::pipeline {
namespace {

using shared::ErrorCode;
using shared::Fail;
using shared::FailErrno;
using shared::Result;
using shared::UniqueFd;
using shared::model::Layout;
using shared::model::LayoutHash;

static_assert(std::endian::native == std::endian::little, "numbers are copied as they are");

constexpr std::string_view kMagic = "PGVJRN01";
constexpr size_t kHeaderSize = 40;
constexpr size_t kFirstEntry = 64;
constexpr size_t kEntryHeaderSize = 16;
constexpr uint32_t kLayoutEntry = 1;
constexpr uint32_t kRoundEntry = 2;
constexpr size_t kRoundHeaderSize = 24;
constexpr size_t kMostBytes = size_t{64} << 20;

template <typename T>
void Put(std::string& out, T value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof bytes);
}

template <typename T>
T Get(std::string_view bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

constexpr size_t Padded(size_t size) {
  return (size + 7) / 8 * 8;
}

uint64_t EntryHash(uint32_t kind, std::string_view body, uint64_t generation) {
  const uint64_t prefix = uint64_t{kind} << 32 | body.size();
  return XXH3_64bits_withSeed(body.data(), body.size(),
                              generation ^ XXH3_64bits(&prefix, sizeof prefix));
}

using Layouts = std::unordered_map<LayoutHash, std::shared_ptr<const Layout>>;

void ReadLayout(std::string_view body, Layouts& layouts) {
  pgvigil::v1::Layout message;
  if (!message.ParseFromArray(body.data(), static_cast<int>(body.size()))) return;
  Result<Layout> layout = FromMessage(message);
  if (!layout) return;
  const LayoutHash hash = layout->hash;
  layouts[hash] = std::make_shared<const Layout>(std::move(*layout));
}

std::optional<MetricRound> ReadRound(std::string_view body, const Layouts& layouts) {
  if (body.size() < kRoundHeaderSize) return std::nullopt;
  LayoutHash hash;
  std::memcpy(hash.bytes.data(), body.data(), hash.bytes.size());
  const auto layout = layouts.find(hash);
  if (layout == layouts.end()) return std::nullopt;
  MetricRound round;
  round.layout = layout->second;
  round.time = shared::FromUnixNanos(Get<int64_t>(body, hash.bytes.size()));
  body.remove_prefix(kRoundHeaderSize);
  if (body.size() != round.layout->series.size() * sizeof(double)) return std::nullopt;
  round.values.resize(round.layout->series.size());
  if (!body.empty()) std::memcpy(round.values.data(), body.data(), body.size());
  return round;
}

}  // namespace

std::optional<JournalContent> ReadJournal(std::string_view bytes) {
  if (bytes.size() < kFirstEntry || !bytes.starts_with(kMagic)) return std::nullopt;
  if (Get<uint64_t>(bytes, kHeaderSize - 8) != XXH3_64bits(bytes.data(), kHeaderSize - 8)) {
    return std::nullopt;
  }
  JournalContent content;
  content.generation = Get<uint64_t>(bytes, 8);
  content.incarnation = Get<uint64_t>(bytes, 16);
  content.sequence = Get<uint64_t>(bytes, 24);
  Layouts layouts;
  for (size_t at = kFirstEntry; bytes.size() - at >= kEntryHeaderSize;) {
    const auto size = Get<uint32_t>(bytes, at);
    const auto kind = Get<uint32_t>(bytes, at + 4);
    const auto hash = Get<uint64_t>(bytes, at + 8);
    at += kEntryHeaderSize;
    if (Padded(size) > bytes.size() - at) break;
    const std::string_view body = bytes.substr(at, size);
    if (hash != EntryHash(kind, body, content.generation)) break;
    if (kind == kLayoutEntry) ReadLayout(body, layouts);
    if (kind == kRoundEntry) {
      if (std::optional<MetricRound> round = ReadRound(body, layouts)) {
        content.rounds.push_back(std::move(*round));
      }
    }
    at += Padded(size);
  }
  return content;
}

Result<RoundJournal> RoundJournal::Open(const std::string& path, uint64_t capacity_bytes,
                                        std::optional<JournalContent>& found) {
  found.reset();
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.valid()) return FailErrno(errno, fmt::format("open {}", path));
  if (const Result<std::string> bytes = shared::ReadFile(path, kMostBytes)) {
    found = ReadJournal(*bytes);
  }
  if (const int error = ::posix_fallocate(fd.get(), 0, static_cast<off_t>(capacity_bytes))) {
    return FailErrno(error, fmt::format("reserve {} bytes for {}", capacity_bytes, path));
  }
  RoundJournal journal(std::move(fd), path, capacity_bytes);
  // Never that of an earlier use, even when its header is gone.
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  journal.generation_ =
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
  if (found) journal.generation_ = std::max(journal.generation_, found->generation);
  journal.end_ = capacity_bytes;  // nothing can be appended before Begin()
  return journal;
}

Result<void> RoundJournal::Begin(uint64_t incarnation, uint64_t sequence) {
  std::string header(kMagic);
  Put(header, ++generation_);
  Put(header, incarnation);
  Put(header, sequence);
  Put(header, static_cast<uint64_t>(XXH3_64bits(header.data(), header.size())));
  layouts_.clear();
  end_ = capacity_bytes_;
  RETURN_IF_ERROR(Write(0, header));
  end_ = kFirstEntry;
  return {};
}

Result<void> RoundJournal::Append(const MetricRound& round) {
  const LayoutHash& hash = round.layout->hash;
  if (!layouts_.contains(hash)) {
    RETURN_IF_ERROR(AppendEntry(kLayoutEntry, ToMessage(*round.layout).SerializeAsString()));
    layouts_.insert(hash);
  }
  std::string body(reinterpret_cast<const char*>(hash.bytes.data()), hash.bytes.size());
  Put(body, shared::ToUnixNanos(round.time));
  body.append(reinterpret_cast<const char*>(round.values.data()),
              round.values.size() * sizeof(double));
  return AppendEntry(kRoundEntry, body);
}

Result<void> RoundJournal::AppendEntry(uint32_t kind, std::string_view body) {
  const size_t size = kEntryHeaderSize + Padded(body.size());
  if (end_ > capacity_bytes_ || size > capacity_bytes_ - end_) {
    return Fail(ErrorCode::kResourceExhausted, "{}: full", path_);
  }
  std::string entry;
  entry.reserve(size);
  Put(entry, static_cast<uint32_t>(body.size()));
  Put(entry, kind);
  Put(entry, EntryHash(kind, body, generation_));
  entry += body;
  entry.resize(size, '\0');
  RETURN_IF_ERROR(Write(end_, entry));
  end_ += size;
  return {};
}

Result<void> RoundJournal::Sync() {
  if (!dirty_) return {};
  dirty_ = false;
  if (::fdatasync(fd_.get()) != 0) return FailErrno(errno, fmt::format("fdatasync {}", path_));
  return {};
}

Result<void> RoundJournal::Write(uint64_t offset, std::string_view bytes) {
  dirty_ = true;
  while (!bytes.empty()) {
    const ssize_t count =
        ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0) {
      if (errno == EINTR) continue;
      return FailErrno(errno, fmt::format("write {}", path_));
    }
    bytes.remove_prefix(static_cast<size_t>(count));
    offset += static_cast<uint64_t>(count);
  }
  return {};
}

}  // namespace agent::pipeline
