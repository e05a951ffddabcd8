#include "collector/storage/logs/segment_rows.h"

#include <algorithm>
#include <map>

#include "collector/storage/sql_text.h"
#include "shared/postgres/copy.h"

namespace collector::storage {
namespace {

using shared::Result;
using shared::postgres::Connection;
using shared::postgres::CopyIn;
using shared::postgres::Rows;

// In the order of hashes: two collectors that both believe to be the owner wait for each other
// instead of dying.
constexpr std::string_view kAddPatterns = R"sql(/* pgvigil log merging */
INSERT INTO pgvigil.log_pattern (tenant_id, hash, source, template, severity_number, first_seen,
  last_seen, example)
SELECT $1::int4, hash, $2, template, severity_number, first_seen, last_seen, example
FROM unnest($3::int8[], $4::text[], $5::int2[], $6::timestamptz[], $7::timestamptz[], $8::text[])
  AS n (hash, template, severity_number, first_seen, last_seen, example)
ON CONFLICT (tenant_id, hash) DO UPDATE SET
  first_seen = least(log_pattern.first_seen, excluded.first_seen),
  last_seen = greatest(log_pattern.last_seen, excluded.last_seen),
  severity_number = greatest(log_pattern.severity_number, excluded.severity_number)
RETURNING hash, id)sql";

std::vector<int32_t> PatternsOf(const LogSegment& segment, const PatternIds& ids) {
  std::vector<int32_t> out;
  for (const SegmentPattern& pattern : segment.patterns) out.push_back(ids.at(pattern.hash));
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

}  // namespace

Result<PatternIds> StorePatterns(Connection& connection, int32_t tenant_id, std::string_view source,
                                 std::span<const LogSegment> segments) {
  std::map<int64_t, SegmentPattern> patterns;
  for (const LogSegment& segment : segments) {
    for (const SegmentPattern& pattern : segment.patterns) {
      const auto [known, added] = patterns.try_emplace(static_cast<int64_t>(pattern.hash), pattern);
      if (added) continue;
      SegmentPattern& all = known->second;
      all.first_time = std::min(all.first_time, pattern.first_time);
      all.last_time = std::max(all.last_time, pattern.last_time);
      all.severity_number = std::max(all.severity_number, pattern.severity_number);
    }
  }
  ArrayText hashes, templates, severities, first, last, examples;
  for (const auto& [hash, pattern] : patterns) {
    hashes.Add(hash);
    templates.Add(std::string_view(pattern.text));
    severities.Add(int64_t{pattern.severity_number});
    first.Add(std::string_view(FormatTimestamp(pattern.first_time)));
    last.Add(std::string_view(FormatTimestamp(pattern.last_time)));
    examples.Add(std::string_view(pattern.example));
  }
  ASSIGN_OR_RETURN(
      const Rows rows,
      connection.Query(kAddPatterns, {std::to_string(tenant_id), std::string(source), hashes.Take(),
                                      templates.Take(), severities.Take(), first.Take(),
                                      last.Take(), examples.Take()}));
  PatternIds ids;
  for (size_t row = 0; row < rows.size(); ++row) {
    ids[static_cast<uint64_t>(rows.Int(row, 0).value_or(0))] =
        static_cast<int32_t>(rows.Int(row, 1).value_or(0));
  }
  return ids;
}

Result<void> CopySegments(Connection& connection, int32_t host_id, int64_t file_id,
                          std::span<const LogSegment> segments, const PatternIds& ids) {
  ASSIGN_OR_RETURN(
      CopyIn rows,
      CopyIn::Begin(connection,
                    "COPY pgvigil.log_segment (host_id, file_id, begin_offset, first_time,"
                    " last_time, lines, severity_mask, raw_bytes, format, patterns, bloom, bodies,"
                    " fields) FROM STDIN (FORMAT binary)"));
  for (const LogSegment& segment : segments) {
    rows.BeginRow(13);
    rows.Int4(host_id);
    rows.Int8(file_id);
    rows.Int8(static_cast<int64_t>(segment.begin_offset));
    rows.Timestamptz(segment.first_time);
    rows.Timestamptz(segment.last_time);
    rows.Int4(segment.lines);
    rows.Int4(static_cast<int32_t>(segment.severity_mask));
    rows.Int4(segment.raw_bytes);
    rows.Int2(kLogSegmentFormat);
    rows.Int4Array(PatternsOf(segment, ids));
    rows.Bytea(segment.bloom);
    rows.Bytea(segment.bodies);
    rows.Bytea(segment.fields);
  }
  RETURN_IF_ERROR(rows.Finish());
  ASSIGN_OR_RETURN(
      CopyIn counts,
      CopyIn::Begin(connection,
                    "COPY pgvigil.log_pattern_count (host_id, file_id, begin_offset, first_time,"
                    " last_time, minutes, patterns, lines) FROM STDIN (FORMAT binary)"));
  for (const LogSegment& segment : segments) {
    std::vector<int32_t> minutes, patterns, lines;
    for (const PatternCount& count : segment.counts) {
      minutes.push_back(static_cast<int32_t>(count.minute));
      patterns.push_back(ids.at(segment.patterns[count.pattern].hash));
      lines.push_back(count.lines);
    }
    counts.BeginRow(8);
    counts.Int4(host_id);
    counts.Int8(file_id);
    counts.Int8(static_cast<int64_t>(segment.begin_offset));
    counts.Timestamptz(segment.first_time);
    counts.Timestamptz(segment.last_time);
    counts.Int4Array(minutes);
    counts.Int4Array(patterns);
    counts.Int4Array(lines);
  }
  RETURN_IF_ERROR(counts.Finish());
  return {};
}

}  // namespace collector::storage
