#include "collector/storage/chunk_samples.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>

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
constexpr int64_t kFewChunks = 1'024;
constexpr std::chrono::hours kLongestWindow{1};

}  // namespace

Result<bool> ChunkScan::FindFamilies(FamilyIndex& families) {
  families_.clear();
  std::vector<int64_t> ids;
  ids.reserve(question_.series);
  for (const auto& [host, wanted] : question_.hosts) {
    for (const SampleQuestion::Wanted& one : wanted) ids.push_back(one.series_id);
  }
  ASSIGN_OR_RETURN(const auto places, families.Find(question_.session, ids));
  for (const auto& [host, wanted] : question_.hosts) {
    for (const SampleQuestion::Wanted& one : wanted) {
      const auto place = places.find(one.series_id);
      if (place == places.end()) continue;
      Family& family = families_[place->second.family_id];
      const auto ord = static_cast<size_t>(place->second.ord);
      family.members = static_cast<FamilyMembers>(family.members | 1u << ord);
      family.answers[ord] = one.answer;
    }
  }
  const api::TimeRange windows = Windows();
  const int64_t hours = (windows.to - windows.from) / 1h + 1;
  return places.size() == ids.size() && windows.to - windows.from <= kTimeAtOnce &&
         static_cast<int64_t>(families_.size()) * hours <= kFewChunks;
}

Result<void> ChunkScan::Run() {
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
        ASSIGN_OR_RETURN(const std::vector<Rows> answers,
                         question_.session.QueryAll(StatementsOf(
                             {from, std::min<WallTime>(from + step, piece.to)}, family_ids)));
        RETURN_IF_ERROR(Add(answers));
      }
    }
  }
  return {};
}

std::vector<ReadStatement> ChunkScan::Statements() const {
  ArrayText ids;
  for (const auto& [id, family] : families_) ids.Add(id);
  return StatementsOf(Windows(), ids.Take());
}

// The begins of windows that may have samples of the range: a chunk's blocks begin in its window,
// and may reach beyond it.
api::TimeRange ChunkScan::Windows() const {
  return {std::chrono::floor<std::chrono::minutes>(range_.from - question_.limits.block_span) -
              kLongestWindow,
          range_.to};
}

// A long range is cut down to the partitions that exist.
Result<std::vector<api::TimeRange>> ChunkScan::Pieces() {
  const api::TimeRange windows = Windows();
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

// Chunks of minutes first: should they become one of an hour in between, they are read twice, not
// missed.
std::vector<ReadStatement> ChunkScan::StatementsOf(const api::TimeRange& windows,
                                                   const std::string& family_ids) const {
  const auto from = [&](std::string_view table) {
    return fmt::format(
        "/* pgvigil samples */ SELECT family_id, window_start, data FROM pgvigil.{}"
        " WHERE family_id = ANY ($1::int8[])"
        " AND window_start >= $2::timestamptz AND window_start < $3::timestamptz"
        " AND first_time < $4::timestamptz AND last_time >= $5::timestamptz"
        " ORDER BY window_start, family_id",
        table);
  };
  const std::vector<shared::postgres::Parameter> parameters{
      family_ids, FormatTimestamp(windows.from), FormatTimestampUp(windows.to),
      FormatTimestampUp(range_.to), FormatTimestamp(range_.from)};
  // The partitions of minutes are of an hour each: few or, when blocks are kept for long, too many
  // to lock them all.
  return {{from(kChunkMinutesTable.name), parameters, Planning::kKept},
          {from(kChunkHoursTable.name), parameters, Planning::kGeneric}};
}

// The oldest first, which are those of hours.
Result<void> ChunkScan::Add(std::span<const Rows> answers) {
  for (size_t i = answers.size(); i-- > 0;) {
    for (size_t row = 0; row < answers[i].size(); ++row) {
      if (row % 64 == 0) RETURN_IF_ERROR(question_.Check());
      RETURN_IF_ERROR(AddChunk(answers[i], row));
    }
  }
  return question_.Check();
}

Result<void> ChunkScan::AddChunk(const Rows& rows, size_t row) {
  const int64_t family_id = rows.Int8(row, 0);
  const Family& family = families_.at(family_id);
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

void ChunkScan::AddGroup(const ChunkGroup& group, const Family& family,
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

}  // namespace collector::storage
