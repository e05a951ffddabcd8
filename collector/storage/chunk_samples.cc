#include "collector/storage/chunk_samples.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <set>

#include "collector/storage/chunks/chunk_codec.h"
#include "collector/storage/partition_reader.h"
#include "collector/storage/sql_text.h"

namespace collector::storage {
namespace {

using namespace std::chrono_literals;
using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::WallTime;
using shared::postgres::Rows;

// A statement meets at most so many daily partitions (and their indexes: PostgreSQL takes 16 locks
// of a backend cheaply), and answers about so many chunks of some 3 kB.
constexpr std::chrono::hours kTimeAtOnce{6 * 24};
constexpr int64_t kChunksAtOnce = 16'384;
constexpr size_t kFamiliesAtOnce = 2'048;
constexpr std::chrono::hours kLongestWindow{1};

// A family with wanted series: which, and where they stand in the answer.
struct WantedFamily {
  FamilyMembers members = 0;
  std::array<size_t, kFamilySeries> answers{};  // by ord
};

class ChunkScan {
 public:
  ChunkScan(const api::TimeRange& range, SampleQuestion& question)
      : range_(range), question_(question) {}
  Result<void> Run();

 private:
  Result<void> FindFamilies();
  Result<std::vector<api::TimeRange>> Pieces();
  Result<void> ReadPiece(const api::TimeRange& windows, const std::string& family_ids);
  Result<void> AddChunk(const Rows& rows, size_t row);
  void AddGroup(const ChunkGroup& group, const WantedFamily& family, const SampleOrigin& origin);

  const api::TimeRange range_;
  SampleQuestion& question_;
  std::map<int64_t, WantedFamily> families_;
  ChunkDecoder decoder_;
  std::vector<ChunkGroup> groups_;
};

Result<void> ChunkScan::Run() {
  RETURN_IF_ERROR(FindFamilies());
  if (families_.empty()) return {};
  ASSIGN_OR_RETURN(const std::vector<api::TimeRange> pieces, Pieces());
  for (auto family = families_.begin(); family != families_.end();) {
    ArrayText ids;
    size_t count = 0;
    for (; count < kFamiliesAtOnce && family != families_.end(); ++count, ++family) {
      ids.Add(family->first);
    }
    const std::string family_ids = ids.Take();
    const std::chrono::hours step{
        std::clamp<int64_t>(kChunksAtOnce / static_cast<int64_t>(count), 1, kTimeAtOnce.count())};
    for (const api::TimeRange& piece : pieces) {
      for (WallTime from = piece.from; from < piece.to; from += step) {
        RETURN_IF_ERROR(ReadPiece({from, std::min<WallTime>(from + step, piece.to)}, family_ids));
      }
    }
  }
  return {};
}

Result<void> ChunkScan::FindFamilies() {
  std::map<int64_t, size_t> answers;
  ArrayText series_ids;
  for (const auto& [host, wanted] : question_.hosts) {
    for (const SampleQuestion::Wanted& one : wanted) {
      answers.emplace(one.series_id, one.answer);
      series_ids.Add(one.series_id);
    }
  }
  ASSIGN_OR_RETURN(const Rows rows, question_.session.QueryBinary(
                                        "/* pgvigil samples */ SELECT id, family_id, family_ord"
                                        " FROM pgvigil.series"
                                        " WHERE id = ANY ($1::int8[]) AND family_id IS NOT NULL",
                                        {series_ids.Take()}));
  for (size_t row = 0; row < rows.size(); ++row) {
    const auto ord = static_cast<size_t>(rows.Int2(row, 2));
    if (ord >= kFamilySeries) {
      return Fail(ErrorCode::kInternal, "series {} is number {} of a family", rows.Int8(row, 0),
                  ord);
    }
    WantedFamily& family = families_[rows.Int8(row, 1)];
    family.members = static_cast<FamilyMembers>(family.members | 1u << ord);
    family.answers[ord] = answers.at(rows.Int8(row, 0));
  }
  return {};
}

// The begins of windows that may have samples of the range: a chunk's blocks begin in its window,
// and may reach beyond it. A long range is cut down to the partitions that exist.
Result<std::vector<api::TimeRange>> ChunkScan::Pieces() {
  const api::TimeRange windows{
      std::chrono::floor<std::chrono::minutes>(range_.from - question_.limits.block_span) -
          kLongestWindow,
      range_.to};
  std::vector<api::TimeRange> pieces;
  if (windows.to - windows.from <= kTimeAtOnce) return pieces = {windows};
  std::set<WallTime> days;
  for (const PartitionedTable& table : {kChunkHoursTable, kChunkMinutesTable}) {
    ASSIGN_OR_RETURN(const std::vector<WallTime> starts,
                     ReadPartitionStarts(question_.session, table, windows));
    for (const WallTime start : starts) days.insert(std::chrono::floor<std::chrono::days>(start));
  }
  for (const WallTime day : days) {
    const api::TimeRange piece{std::max(day, windows.from),
                               std::min<WallTime>(day + 24h, windows.to)};
    if (!pieces.empty() && pieces.back().to == piece.from) {
      pieces.back().to = piece.to;
    } else {
      pieces.push_back(piece);
    }
  }
  return pieces;
}

// Bounds are literals, so that the planner drops the partitions that cannot matter.
Result<void> ChunkScan::ReadPiece(const api::TimeRange& windows, const std::string& family_ids) {
  const std::string sql = fmt::format(
      "/* pgvigil samples */ SELECT family_id, window_start, data FROM pgvigil.chunk"
      " WHERE family_id = ANY ($1::int8[])"
      " AND window_start >= '{}'::timestamptz AND window_start < '{}'::timestamptz"
      " AND first_time < '{}'::timestamptz AND last_time >= '{}'::timestamptz"
      " ORDER BY window_start, family_id",
      FormatTimestamp(windows.from), FormatTimestampUp(windows.to), FormatTimestampUp(range_.to),
      FormatTimestamp(range_.from));
  ASSIGN_OR_RETURN(const Rows rows, question_.session.QueryBinary(sql, {family_ids}));
  for (size_t row = 0; row < rows.size(); ++row) {
    if (row % 64 == 0) RETURN_IF_ERROR(question_.Check());
    RETURN_IF_ERROR(AddChunk(rows, row));
  }
  return question_.Check();
}

Result<void> ChunkScan::AddChunk(const Rows& rows, size_t row) {
  const int64_t family_id = rows.Int8(row, 0);
  const WantedFamily& family = families_.at(family_id);
  if (Result<void> decoded = decoder_.Decode(rows.Text(row, 2), family.members, groups_);
      !decoded) {
    return Fail(ErrorCode::kInternal, "a stored chunk of family {} is damaged: {}", family_id,
                decoded.error().message);
  }
  // Which block a sample came from is not told; it began in the window.
  const SampleOrigin origin{rows.UnixMicros(row, 1), std::numeric_limits<int64_t>::min()};
  for (const ChunkGroup& group : groups_) AddGroup(group, family, origin);
  return {};
}

void ChunkScan::AddGroup(const ChunkGroup& group, const WantedFamily& family,
                         const SampleOrigin& origin) {
  const TickRange in = TicksIn(group.block.times_unix_nano, range_);
  if (in.empty()) return;
  const auto times = std::span(group.block.times_unix_nano).subspan(in.begin, in.end - in.begin);
  size_t index = 0;  // in the group's block
  for (size_t ord = 0; ord < kFamilySeries; ++ord) {
    const unsigned bit = 1u << ord;
    if ((group.members & bit) == 0) continue;
    if ((family.members & bit) != 0) {
      const auto values = group.block.SeriesValues(index).subspan(in.begin, in.end - in.begin);
      question_.found.Add(family.answers[ord], times, values, origin);
    }
    index += 1;
  }
}

}  // namespace

Result<void> AddChunkSamples(const api::TimeRange& range, SampleQuestion& question) {
  return ChunkScan(range, question).Run();
}

}  // namespace collector::storage
