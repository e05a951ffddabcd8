#include "collector/storage/rollups/rollup_rows.h"

#include <fmt/format.h>

#include <algorithm>

#include "collector/storage/sql_text.h"
#include "shared/postgres/copy.h"

namespace collector::storage {
namespace {

using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::WallTime;
using shared::postgres::Connection;
using shared::postgres::CopyIn;
using shared::postgres::Rows;

// The vectors of a member one after the other, as DecodeRollup takes them.
std::string Vectors(std::string_view function, std::string_view pools, size_t first, size_t slots) {
  std::string sql;
  for (size_t i = first; i <= kRollupVectors; ++i) {
    fmt::format_to(std::back_inserter(sql), "{}pgvigil.{}(r.shapes[m.place * 7 - {}], {}, {})",
                   i == first ? "" : " || ", function, kRollupVectors - i, slots, pools);
  }
  return sql;
}

std::string MembersSql(const RollupTier& tier) {
  return fmt::format(
      "/* pgvigil rollups */ SELECT r.family_id, r.window_start, m.ord,"
      " r.shapes[m.place * 7 - 6 : m.place * 7]::int8[], r.bases[m.place],"
      " r.biases[m.place * 6 - 5 : m.place * 6]::int8[], {}, {} FROM pgvigil.{} r CROSS JOIN "
      "LATERAL unnest(r.ords) WITH ORDINALITY"
      " AS m(ord, place) WHERE r.family_id = ANY ($1::int8[]) AND (r.family_id, m.ord) IN"
      " (SELECT * FROM unnest($2::int8[], $3::int2[])) AND r.window_start >= $4::timestamptz"
      " AND r.window_start < $5::timestamptz ORDER BY r.family_id, m.ord, r.window_start",
      Vectors("rollup_integers", "r.bytes, r.smalls, r.lows, r.highs, r.ints, r.longs", 1,
              tier.slots),
      Vectors("rollup_doubles", "r.doubles", 2, tier.slots), tier.table.name);
}

Result<StoredRollup> ToRollup(const Rows& rows, size_t row, const RollupTier& tier) {
  StoredRollup out;
  out.series = {rows.Int8(row, 0), rows.Int2(row, 2)};
  out.day = FromUnixMicros(rows.UnixMicros(row, 1));
  RollupMember member;
  const std::vector<int64_t> shape = rows.Int8Array(row, 3);
  member.base = rows.Int8(row, 4);
  const std::vector<int64_t> biases = rows.Int8Array(row, 5);
  member.integers = rows.Int8Array(row, 6);
  member.doubles = rows.Float8Array(row, 7);
  bool whole = shape.size() == member.shape.size() && biases.size() == member.biases.size();
  if (whole) {
    std::transform(shape.begin(), shape.end(), member.shape.begin(),
                   [](int64_t one) { return static_cast<int16_t>(one); });
    std::copy(biases.begin(), biases.end(), member.biases.begin());
    whole = DecodeRollup(member, shared::ToUnixNanos(out.day), tier.step, tier.slots, out.buckets);
  }
  if (!whole) {
    return Fail(ErrorCode::kInternal, "the {} row of family {} at {} is damaged: member {}",
                tier.table.name, out.series.family_id, FormatTimestamp(out.day), out.series.ord);
  }
  return out;
}

template <typename T, typename Put>
void PutPool(CopyIn& copy, const std::vector<T>& pool, Put put) {
  if (pool.empty()) return copy.Null();
  put(pool);
}

}  // namespace

RollupStatement MakeRollupStatement(const RollupTier& tier, std::span<const RollupSeries> wanted,
                                    WallTime from, WallTime to) {
  ArrayText families, member_families, ords;
  int64_t last = 0;
  for (const RollupSeries& one : wanted) {
    if (one.family_id != last) families.Add(one.family_id);
    last = one.family_id;
    member_families.Add(one.family_id);
    ords.Add(int64_t{one.ord});
  }
  return {MembersSql(tier),
          {families.Take(), member_families.Take(), ords.Take(), FormatTimestamp(from),
           FormatTimestamp(to)}};
}

Result<std::vector<StoredRollup>> ToRollups(const Rows& rows, const RollupTier& tier) {
  std::vector<StoredRollup> out;
  out.reserve(rows.size());
  for (size_t row = 0; row < rows.size(); ++row) {
    ASSIGN_OR_RETURN(StoredRollup one, ToRollup(rows, row, tier));
    out.push_back(std::move(one));
  }
  return out;
}

Result<std::vector<StoredRollup>> ReadRollups(const BinaryQuery& query, const RollupTier& tier,
                                              std::span<const RollupSeries> wanted, WallTime from,
                                              WallTime to) {
  const RollupStatement statement = MakeRollupStatement(tier, wanted, from, to);
  ASSIGN_OR_RETURN(const Rows rows, query(statement.sql, statement.parameters));
  return ToRollups(rows, tier);
}

Result<void> ReplaceRollups(Connection& connection, const RollupTier& tier, WallTime day,
                            std::span<const RollupRow> rows) {
  if (rows.empty()) return {};
  ArrayText families;
  for (const RollupRow& row : rows) families.Add(row.family_id);
  RETURN_IF_ERROR(connection.Query(
      fmt::format("/* pgvigil */ DELETE FROM pgvigil.{} WHERE family_id = ANY ($1::int8[])"
                  " AND window_start = '{}'",
                  tier.table.name, FormatTimestamp(day)),
      {families.Take()}));
  ASSIGN_OR_RETURN(
      CopyIn copy,
      CopyIn::Begin(connection,
                    fmt::format("COPY pgvigil.{} (family_id, window_start, host_id, ords, shapes,"
                                " bases, biases, bytes, smalls, lows, highs, ints, longs, doubles)"
                                " FROM STDIN (FORMAT binary)",
                                tier.table.name)));
  for (const RollupRow& row : rows) {
    const RollupArrays& arrays = row.arrays;
    copy.BeginRow(14);
    copy.Int8(row.family_id);
    copy.Timestamptz(day);
    copy.Int4(row.host_id);
    copy.Int2Array(arrays.ords);
    copy.Int2Array(arrays.shapes);
    copy.Int8Array(arrays.bases);
    copy.Float4Array(arrays.biases);
    PutPool(copy, arrays.bytes, [&](const auto& pool) { copy.CharArray(pool); });
    PutPool(copy, arrays.smalls, [&](const auto& pool) { copy.Int2Array(pool); });
    PutPool(copy, arrays.lows, [&](const auto& pool) { copy.Int2Array(pool); });
    PutPool(copy, arrays.highs, [&](const auto& pool) { copy.CharArray(pool); });
    PutPool(copy, arrays.ints, [&](const auto& pool) { copy.Int4Array(pool); });
    PutPool(copy, arrays.longs, [&](const auto& pool) { copy.Int8Array(pool); });
    PutPool(copy, arrays.doubles, [&](const auto& pool) { copy.Float8Array(pool); });
  }
  RETURN_IF_ERROR(copy.Finish());
  return {};
}

}  // namespace collector::storage
