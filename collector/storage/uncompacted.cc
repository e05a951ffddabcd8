#include "collector/storage/uncompacted.h"

#include "collector/storage/sql_text.h"

namespace collector::storage {
namespace {

using namespace std::chrono_literals;
using shared::WallTime;

// Windows are whole multiples of ten minutes since 2000-01-01, and so since 1970.
using Windows = std::chrono::duration<int64_t, std::ratio<600>>;

// Of more hosts a plan for these very ones is worth its price: it may read whole partitions.
constexpr size_t kFewHosts = 16;

// The function's own text can hardly be planned without its parameters, for hosts may be NULL.
constexpr std::string_view kSql = R"sql(/* pgvigil uncompacted */
SELECT found.host_id, found.window_start
FROM (SELECT b.host_id,
             date_bin('10 minutes', b.first_time, '2000-01-01 00:00:00+00') AS window_start,
             count(*) AS blocks,
             bit_xor(pgvigil.block_fingerprint(b.layout_id, b.first_time)) AS fingerprint
      FROM pgvigil.block b
      WHERE b.host_id = ANY ($1::int4[])
        AND b.first_time >= $2::timestamptz AND b.first_time < $3::timestamptz
      GROUP BY 1, 2) AS found
LEFT JOIN pgvigil.compacted_window c
  ON c.host_id = found.host_id AND c.window_start = found.window_start
WHERE c.host_id IS NULL OR c.blocks <> found.blocks OR c.fingerprint <> found.fingerprint)sql";

}  // namespace

ReadStatement UncompactedStatement(const api::TimeRange& begins, const SampleQuestion& question) {
  ArrayText hosts;
  for (const auto& [host, wanted] : question.hosts) hosts.Add(int64_t{host});
  return {std::string(kSql),
          {hosts.Take(), FormatTimestamp(std::chrono::floor<Windows>(begins.from)),
           FormatTimestamp(std::chrono::ceil<Windows>(begins.to))},
          question.hosts.size() <= kFewHosts ? Planning::kKept : Planning::kOnce};
}

std::vector<BlockWindow> ToUncompacted(const shared::postgres::Rows& rows) {
  std::vector<BlockWindow> out;
  out.reserve(rows.size());
  for (size_t row = 0; row < rows.size(); ++row) {
    out.push_back({rows.Int4(row, 0), FromUnixMicros(rows.UnixMicros(row, 1))});
  }
  return out;
}

}  // namespace collector::storage
