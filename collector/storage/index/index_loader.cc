#include "collector/storage/index/index_loader.h"

#include <simdjson.h>

#include <algorithm>

#include "collector/storage/sql_text.h"
#include "shared/postgres/kept.h"

namespace collector::storage {
namespace {

using namespace std::chrono_literals;
using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::model::Labels;
using shared::postgres::Connection;
using shared::postgres::Rows;

constexpr size_t kPage = 20'000;
// Longer than a transaction that registers series can last (its statement_timeout is 60 s).
constexpr auto kOldestTransaction = 5min;

// The inner LIMIT makes it a walk along the primary key for each range.
constexpr std::string_view kNewSeries = R"sql(/* pgvigil index */
SELECT s.id, s.host_id, m.name, s.kind, s.unit, s.labels,
  extract(epoch FROM s.first_seen)::int8, extract(epoch FROM s.last_seen)::int8
FROM unnest($1::int8[], $2::int8[]) AS r (first, last)
CROSS JOIN LATERAL (SELECT * FROM pgvigil.series WHERE id BETWEEN r.first AND r.last
                    ORDER BY id LIMIT 20000) s
JOIN pgvigil.metric m ON m.id = s.metric_id
ORDER BY s.id)sql";

constexpr std::string_view kHosts =
    "/* pgvigil index */ SELECT id, tenant_id, name, host_key FROM pgvigil.host";

constexpr std::string_view kSeen = R"sql(/* pgvigil index */
SELECT id, host_id, extract(epoch FROM last_seen)::int8, now() - interval '5 minutes'
FROM pgvigil.series WHERE last_seen >= $1::timestamptz AND last_seen > first_seen)sql";

shared::WallTime TimeAt(const Rows& rows, size_t row, size_t column) {
  return shared::WallTime(std::chrono::seconds(rows.Int(row, column).value_or(0)));
}

int32_t Int4At(const Rows& rows, size_t row, size_t column) {
  return static_cast<int32_t>(rows.Int(row, column).value_or(0));
}

std::unique_ptr<Rows> Keep(Rows rows) {
  return std::make_unique<Rows>(std::move(rows));
}

}  // namespace

// ParseLabelsJson with buffers that are reused: a million series are parsed at start.
struct IndexLoader::LabelParser {
  simdjson::dom::parser parser;
  std::string buffer;
  Labels labels;

  const Labels& Parse(std::string_view json) {
    labels.clear();
    buffer.assign(json);
    buffer.reserve(json.size() + simdjson::SIMDJSON_PADDING);
    simdjson::dom::object object;
    if (parser.parse(buffer.data(), json.size(), false).get(object) != simdjson::SUCCESS) {
      return labels;
    }
    for (const auto& [name, value] : object) {
      std::string_view text;
      if (value.get(text) == simdjson::SUCCESS) {
        labels.push_back({std::string(name), std::string(text)});
      }
    }
    std::sort(labels.begin(), labels.end());
    return labels;
  }
};

IndexLoader::IndexLoader(const shared::Clock& clock)
    : clock_(clock), seen_until_("infinity"), parser_(std::make_unique<LabelParser>()) {}
IndexLoader::~IndexLoader() = default;

Result<void> IndexLoader::LoadAll(Connection& connection, SeriesIndex& index,
                                  std::stop_token stop) {
  ASSIGN_OR_RETURN(const Rows now, connection.Query("SELECT now() - interval '5 minutes'"));
  seen_until_ = now.Text(0, 0);
  ASSIGN_OR_RETURN(News hosts, ReadHosts(connection));
  Apply(std::move(hosts), index);
  while (!stop.stop_requested()) {
    ASSIGN_OR_RETURN(News news, ReadNew(connection, index));
    const bool full = news.full;
    Apply(std::move(news), index);
    if (!full) return {};
  }
  return Fail(ErrorCode::kCancelled, "stopped");
}

Result<IndexLoader::News> IndexLoader::ReadNew(Connection& connection, const SeriesIndex& index) {
  ids_.GiveUp(clock_.Monotonic() - kOldestTransaction);
  ArrayText firsts, lasts;
  for (const auto& [first, last] : ids_.ToAsk()) {
    firsts.Add(first);
    lasts.Add(last);
  }
  // Every question about series asks this first.
  ASSIGN_OR_RETURN(
      std::vector<Rows> answers,
      PipelineKept(connection, {{{std::string(kNewSeries), {firsts.Take(), lasts.Take()}}}}));
  Rows rows = std::move(answers.front());
  News news;
  news.full = rows.size() >= kPage;
  bool unknown_host = false;
  for (size_t row = 0; row < rows.size() && !unknown_host; ++row) {
    unknown_host = !index.HasHost(Int4At(rows, row, 1));
  }
  news.series = Keep(std::move(rows));
  if (unknown_host) {
    ASSIGN_OR_RETURN(News hosts, ReadHosts(connection));
    news.hosts = std::move(hosts.hosts);
  }
  return news;
}

Result<IndexLoader::News> IndexLoader::ReadHosts(Connection& connection) {
  ASSIGN_OR_RETURN(Rows rows, connection.Query(kHosts));
  News news;
  news.hosts = Keep(std::move(rows));
  return news;
}

Result<IndexLoader::News> IndexLoader::ReadSeen(Connection& connection) {
  ASSIGN_OR_RETURN(Rows rows, connection.Query(kSeen, {seen_until_}));
  if (rows.size() > 0) seen_until_ = rows.Text(0, 3);
  News news;
  news.seen = Keep(std::move(rows));
  return news;
}

void IndexLoader::Apply(News news, SeriesIndex& index) {
  if (news.hosts) {
    const Rows& rows = *news.hosts;
    for (size_t row = 0; row < rows.size(); ++row) {
      index.SetHost(Int4At(rows, row, 1), Int4At(rows, row, 0), rows.Text(row, 2),
                    rows.Text(row, 3));
    }
  }
  if (news.series) {
    const Rows& rows = *news.series;
    const shared::MonotonicTime now = clock_.Monotonic();
    for (size_t row = 0; row < rows.size(); ++row) {
      SeriesEntry entry;
      entry.id = rows.Int(row, 0).value_or(0);
      entry.host_id = Int4At(rows, row, 1);
      ids_.Saw(entry.id, now);
      // Its host was deleted between the two statements, and it with it.
      if (!index.HasHost(entry.host_id)) continue;
      entry.metric = rows.Text(row, 2);
      entry.kind = static_cast<shared::model::MetricKind>(rows.Int(row, 3).value_or(0));
      entry.unit = rows.Text(row, 4);
      entry.labels = parser_->Parse(rows.Text(row, 5));
      entry.first_day = DayOf(TimeAt(rows, row, 6));
      entry.first_slot = SlotOf(TimeAt(rows, row, 6));
      entry.last_day = DayOf(TimeAt(rows, row, 7));
      index.Add(entry);
    }
  }
  if (news.seen) {
    const Rows& rows = *news.seen;
    for (size_t row = 0; row < rows.size(); ++row) {
      index.Touch(Int4At(rows, row, 1), rows.Int(row, 0).value_or(0), DayOf(TimeAt(rows, row, 2)));
    }
  }
}

}  // namespace collector::storage
