#include "collector/storage/layout_registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "collector/storage/layout_series.h"
#include "collector/storage/sql_text.h"
#include "shared/postgres/kept.h"
#include "shared/text/hex.h"
#include "shared/text/utf8.h"

namespace collector::storage {
namespace {

using namespace std::chrono_literals;
using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::postgres::Connection;
using shared::postgres::QueryKept;
using shared::postgres::Rows;
using shared::text::CleanUtf8;
using shared::text::ToHex;
using shared::text::ToUuid;

constexpr auto kLayoutSeenPeriod = 1h;
constexpr auto kSeriesSeenPeriod = 24h;
constexpr size_t kMostRemembered = 500'000;
// When a layout with refused series is asked for again, and when a refused layout may try again.
constexpr auto kRefusedPeriod = 1h;
constexpr auto kRefusedLayoutPeriod = 10min;
constexpr int kMostRefusedMetrics = 100;  // named of a host

constexpr std::string_view kAddSeries = R"sql(/* pgvigil */
INSERT INTO pgvigil.series (host_id, metric_id, kind, unit, labels, fingerprint)
SELECT $1::int4, n.metric_id, n.kind, n.unit, n.labels::jsonb, n.fingerprint
FROM unnest($2::uuid[], $3::int4[], $4::int2[], $5::text[], $6::text[])
  AS n (fingerprint, metric_id, kind, unit, labels)
WHERE NOT EXISTS (SELECT FROM pgvigil.series s
                  WHERE s.host_id = $1::int4 AND s.fingerprint = n.fingerprint)
ORDER BY n.fingerprint
ON CONFLICT (host_id, fingerprint) DO NOTHING
RETURNING id, fingerprint)sql";

constexpr std::string_view kSeriesIds = R"sql(/* pgvigil */
SELECT id, fingerprint FROM pgvigil.series
WHERE host_id = $1::int4 AND fingerprint = ANY ($2::uuid[]))sql";

// Series that come back after long are seen now, not only when Touch comes round.
constexpr std::string_view kSeriesSeen = R"sql(/* pgvigil */
WITH old AS (SELECT id FROM pgvigil.series WHERE id = ANY ($1::int8[])
             AND last_seen < now() - interval '12 hours' ORDER BY id FOR NO KEY UPDATE)
UPDATE pgvigil.series s SET last_seen = now() FROM old WHERE s.id = old.id)sql";

// Ids that were refused (0) may be filled in, others stay.
constexpr std::string_view kAddLayout = R"sql(/* pgvigil */
INSERT INTO pgvigil.layout (host_id, hash, series_ids) VALUES ($1::int4, $2::uuid, $3::int8[])
ON CONFLICT (host_id, hash) DO UPDATE SET last_seen = now(),
  series_ids = CASE WHEN 0 = ANY (layout.series_ids) THEN excluded.series_ids
                    ELSE layout.series_ids END
RETURNING id)sql";

constexpr std::string_view kFindLayout = R"sql(/* pgvigil */
SELECT id, cardinality(series_ids), cardinality(array_positions(series_ids, 0))
FROM pgvigil.layout WHERE host_id = $1::int4 AND hash = $2::uuid)sql";

constexpr std::string_view kAddRefusedSeries = R"sql(/* pgvigil */
INSERT INTO pgvigil.series_refusal (host_id, metric, reason, series, example)
SELECT $1::int4, n.metric, $2, n.series, n.example::jsonb
FROM unnest($3::text[], $4::int8[], $5::text[]) AS n (metric, series, example) ORDER BY n.metric
ON CONFLICT (host_id, metric, reason) DO UPDATE SET series = excluded.series,
  example = excluded.example, last_seen = now())sql";

using IdsByUuid = std::unordered_map<std::string, int64_t>;

// Of rows of id and fingerprint.
void TakeIds(const Rows& rows, IdsByUuid& ids) {
  for (size_t row = 0; row < rows.size(); ++row) {
    ids[std::string(rows.Text(row, 1))] = rows.Int(row, 0).value_or(0);
  }
}

Result<void> FindSeries(Connection& connection, const std::string& host,
                        const std::vector<SeriesRecord>& records, IdsByUuid& ids) {
  ArrayText fingerprints;
  for (const SeriesRecord& record : records) {
    fingerprints.Add(std::string_view(ToUuid(record.fingerprint)));
  }
  ASSIGN_OR_RETURN(const Rows rows, QueryKept(connection, kSeriesIds, {host, fingerprints.Take()}));
  TakeIds(rows, ids);
  return {};
}

// Names the refused series by metric; the host's first hundred metrics, and then all others as one.
Result<void> NoteRefused(Connection& connection, const std::string& host, std::string_view limit,
                         std::span<const SeriesRecord> refused) {
  ASSIGN_OR_RETURN(const Rows known,
                   connection.Query("/* pgvigil */ SELECT metric FROM pgvigil.series_refusal"
                                    " WHERE host_id = $1::int4",
                                    {host}));
  std::set<std::string, std::less<>> named;
  for (size_t row = 0; row < known.size(); ++row) named.emplace(known.Text(row, 0));
  std::map<std::string, std::pair<int64_t, std::string_view>> by_metric;
  for (const SeriesRecord& record : refused) {
    std::string metric = CleanUtf8(record.series->name);
    if (!named.contains(metric)) {
      if (named.size() >= kMostRefusedMetrics) metric.clear();
      named.insert(metric);
    }
    auto& [count, example] = by_metric[metric];
    count += 1;
    example = record.labels;
  }
  ArrayText metrics, counts, examples;
  for (const auto& [metric, one] : by_metric) {
    metrics.Add(std::string_view(metric));
    counts.Add(one.first);
    examples.Add(one.second);
  }
  RETURN_IF_ERROR(connection.Query(kAddRefusedSeries, {host, std::string(limit), metrics.Take(),
                                                       counts.Take(), examples.Take()}));
  return {};
}

// "20 new series, such as disk.io{"device":"sda"}: series_per_agent: 20000 of at most 20000".
std::string DescribeRefused(const Admission& admission, std::span<const SeriesRecord> refused) {
  return fmt::format("{} new series, such as {}{}: {}: {} of at most {} are active", refused.size(),
                     CleanUtf8(refused.front().series->name), refused.front().labels,
                     admission.limit, admission.used, admission.most);
}

}  // namespace

// A layout on its way into the catalogue.
struct LayoutRegistry::Draft {
  std::string hash;
  LayoutSeries series;
  IdsByUuid ids;                    // of the series that are registered
  std::vector<SeriesRecord> fresh;  // those that are not
  size_t refused_series = 0;
  std::string refused;  // what and why
};

void LayoutRegistry::Forget() {
  metrics_.clear();
  layouts_.clear();
  refused_.clear();
}

Result<std::unordered_map<std::string, int32_t>> LayoutRegistry::Metrics(
    Connection& connection, access::TenantId tenant, const std::set<std::string>& names) {
  std::unordered_map<std::string, int32_t> ids;
  std::set<std::string> unknown;
  for (const std::string& name : names) {
    const auto found = metrics_.find({tenant.value, name});
    if (found == metrics_.end()) {
      unknown.insert(name);
    } else {
      ids[name] = found->second;
    }
  }
  if (unknown.empty()) return ids;
  ArrayText array;
  for (const std::string& name : unknown) array.Add(std::string_view(name));
  const std::string unknown_names = array.Take();
  const std::string tenant_text = std::to_string(tenant.value);
  RETURN_IF_ERROR(
      QueryKept(connection,
                "/* pgvigil */ INSERT INTO pgvigil.metric (tenant_id, name) SELECT $1::int4, n"
                " FROM unnest($2::text[]) AS n WHERE NOT EXISTS (SELECT FROM pgvigil.metric m"
                " WHERE m.tenant_id = $1::int4 AND m.name = n) ORDER BY n ON CONFLICT DO NOTHING",
                {tenant_text, unknown_names}));
  ASSIGN_OR_RETURN(const Rows rows,
                   QueryKept(connection,
                             "/* pgvigil */ SELECT name, id FROM pgvigil.metric"
                             " WHERE tenant_id = $1::int4 AND name = ANY ($2::text[])",
                             {tenant_text, unknown_names}));
  for (size_t row = 0; row < rows.size(); ++row) {
    const std::string name(rows.Text(row, 0));
    const auto id = static_cast<int32_t>(rows.Int(row, 1).value_or(0));
    metrics_[{tenant.value, name}] = id;
    ids[name] = id;
  }
  return ids;
}

Result<void> LayoutRegistry::Register(Connection& connection, access::TenantId tenant, HostId host,
                                      const pgvigil::v1::Layout& layout) {
  if (layouts_.size() + metrics_.size() + refused_.size() > kMostRemembered) Forget();
  const Key key{host.value, layout.hash()};
  const shared::MonotonicTime now = clock_.Monotonic();
  if (const auto known = layouts_.find(key); known != layouts_.end() && !known->second.wanted) {
    return {};
  }
  if (const auto refused = refused_.find(key); refused != refused_.end()) {
    if (now < refused->second.retry) return {};
    refused_.erase(refused);
  }
  const shared::model::Layout model = ToModel(layout);
  if (BytesOf(model.hash) != layout.hash()) {
    return Fail(ErrorCode::kInvalidInput, "layout {}: its content has the hash {}",
                ToHex(layout.hash()), shared::model::ToHex(model.hash));
  }
  ASSIGN_OR_RETURN(const std::optional<LayoutEntry> stored, Read(connection, host, layout.hash()));
  if (!stored) {
    ASSIGN_OR_RETURN(const uint64_t begun, CountNewLayouts(connection, host.value));
    if (begun >= limits_.layouts_per_hour) {
      LayoutEntry entry;
      entry.refused = fmt::format(
          "layout {} of {} series: layouts_per_hour: the host began {} of at"
          " most {} in the last hour",
          ToHex(layout.hash()), layout.series_size(), begun, limits_.layouts_per_hour);
      entry.series = static_cast<uint32_t>(layout.series_size());
      refused_[key] = {std::move(entry), now + kRefusedLayoutPeriod};
      return {};
    }
  }
  Draft draft;
  draft.hash = layout.hash();
  draft.series = SeriesOf(model);
  const std::string host_text = std::to_string(host.value);
  RETURN_IF_ERROR(FindSeries(connection, host_text, draft.series.records, draft.ids));
  if (!draft.ids.empty()) {
    ArrayText ids;
    for (const auto& [uuid, id] : draft.ids) ids.Add(id);
    RETURN_IF_ERROR(QueryKept(connection, kSeriesSeen, {ids.Take()}));
  }
  Result<int64_t> id = draft.ids.size() == draft.series.records.size()
                           ? AddLayout(connection, host, draft)
                           : AddWithNewSeries(connection, tenant, host, draft);
  if (!id) {
    metrics_.clear();  // some may have been registered in a transaction that did not commit
    return tl::make_unexpected(std::move(id).error().With("register layout"));
  }
  CachedLayout cached;
  cached.layout = {*id, static_cast<uint32_t>(draft.series.order.size()),
                   static_cast<uint32_t>(draft.refused_series), std::move(draft.refused)};
  cached.touched = now;
  cached.series_touched = now - kSeriesSeenPeriod;
  cached.retry = now + kRefusedPeriod;
  layouts_[key] = std::move(cached);
  return {};
}

Result<int64_t> LayoutRegistry::AddWithNewSeries(Connection& connection, access::TenantId tenant,
                                                 HostId host, Draft& draft) {
  const std::string host_text = std::to_string(host.value);
  ASSIGN_OR_RETURN(shared::postgres::Transaction transaction,
                   shared::postgres::Transaction::Begin(connection));
  RETURN_IF_ERROR(LockSeries(connection, tenant.value));
  // Another collector may have registered some while we waited.
  RETURN_IF_ERROR(FindSeries(connection, host_text, draft.series.records, draft.ids));
  for (const SeriesRecord& record : draft.series.records) {
    if (!draft.ids.contains(ToUuid(record.fingerprint))) draft.fresh.push_back(record);
  }
  if (!draft.fresh.empty()) RETURN_IF_ERROR(AddSeries(connection, tenant, host, draft));
  ASSIGN_OR_RETURN(const int64_t id, AddLayout(connection, host, draft));
  RETURN_IF_ERROR(transaction.Commit());
  return id;
}

// As many of the new series as the limits allow, the first ones of the layout.
Result<void> LayoutRegistry::AddSeries(Connection& connection, access::TenantId tenant, HostId host,
                                       Draft& draft) {
  const std::string host_text = std::to_string(host.value);
  ASSIGN_OR_RETURN(const Admission admission,
                   admission_.Admit(connection, tenant.value, host.value, draft.fresh.size()));
  std::sort(draft.fresh.begin(), draft.fresh.end(),
            [](const SeriesRecord& a, const SeriesRecord& b) { return a.position < b.position; });
  const auto refused = std::span(draft.fresh).subspan(admission.admitted);
  if (!refused.empty()) {
    draft.refused_series = refused.size();
    draft.refused = DescribeRefused(admission, refused);
    RETURN_IF_ERROR(NoteRefused(connection, host_text, admission.limit, refused));
  }
  draft.fresh.resize(admission.admitted);
  if (draft.fresh.empty()) return {};
  std::set<std::string> names;
  for (const SeriesRecord& record : draft.fresh) names.insert(CleanUtf8(record.series->name));
  ASSIGN_OR_RETURN(const auto metrics, Metrics(connection, tenant, names));
  for (SeriesRecord& record : draft.fresh)
    record.metric = metrics.at(CleanUtf8(record.series->name));
  std::sort(
      draft.fresh.begin(), draft.fresh.end(),
      [](const SeriesRecord& a, const SeriesRecord& b) { return a.fingerprint < b.fingerprint; });
  const SeriesArrays arrays = ToArrays(draft.fresh);
  ASSIGN_OR_RETURN(const Rows added, QueryKept(connection, kAddSeries,
                                               {host_text, arrays.fingerprints, arrays.metrics,
                                                arrays.kinds, arrays.units, arrays.labels}));
  TakeIds(added, draft.ids);
  if (added.size() == draft.fresh.size()) return {};
  return FindSeries(connection, host_text, draft.fresh, draft.ids);  // not all were new after all
}

Result<int64_t> LayoutRegistry::AddLayout(Connection& connection, HostId host, const Draft& draft) {
  ArrayText series_ids;
  for (const std::string& fingerprint : draft.series.order) {
    const auto found = draft.ids.find(ToUuid(fingerprint));
    if (found == draft.ids.end() && draft.refused_series == 0) {
      return Fail(ErrorCode::kUnavailable, "layout {}: a series vanished while it was registered",
                  ToHex(draft.hash));
    }
    series_ids.Add(found == draft.ids.end() ? int64_t{0} : found->second);
  }
  ASSIGN_OR_RETURN(const Rows rows,
                   QueryKept(connection, kAddLayout,
                             {std::to_string(host.value), ToUuid(draft.hash), series_ids.Take()}));
  return rows.Int(0, 0).value_or(0);
}

Result<std::optional<LayoutEntry>> LayoutRegistry::Read(Connection& connection, HostId host,
                                                        const std::string& hash) {
  ASSIGN_OR_RETURN(const Rows rows,
                   QueryKept(connection, kFindLayout, {std::to_string(host.value), ToUuid(hash)}));
  if (rows.size() == 0) return std::optional<LayoutEntry>();
  const auto number = [&](size_t column) {
    return static_cast<uint32_t>(rows.Int(0, column).value_or(0));
  };
  return std::optional<LayoutEntry>(
      LayoutEntry{rows.Int(0, 0).value_or(0), number(1), number(2), ""});
}

Result<void> LayoutRegistry::Touch(Connection& connection, CachedLayout& cached) {
  const shared::MonotonicTime now = clock_.Monotonic();
  if (now - cached.touched < kLayoutSeenPeriod) return {};
  const std::string id = std::to_string(cached.layout.id);
  RETURN_IF_ERROR(QueryKept(
      connection, "/* pgvigil */ UPDATE pgvigil.layout SET last_seen = now() WHERE id = $1::int8",
      {id}));
  cached.touched = now;
  if (now - cached.series_touched < kSeriesSeenPeriod) return {};
  // Sorted, so that two agents of one host cannot lock the same rows crosswise.
  RETURN_IF_ERROR(QueryKept(
      connection,
      "/* pgvigil */ WITH old AS (SELECT id FROM pgvigil.series WHERE id = ANY ((SELECT series_ids"
      " FROM pgvigil.layout WHERE id = $1::int8)::int8[]) AND last_seen < now() - interval '12 "
      "hours'"
      " ORDER BY id FOR NO KEY UPDATE)"
      " UPDATE pgvigil.series s SET last_seen = now() FROM old WHERE s.id = old.id",
      {id}));
  cached.series_touched = now;
  return {};
}

Result<std::optional<LayoutEntry>> LayoutRegistry::Find(Connection& connection, HostId host,
                                                        const std::string& hash) {
  const Key key{host.value, hash};
  if (const auto refused = refused_.find(key); refused != refused_.end()) {
    return std::optional<LayoutEntry>(refused->second.layout);
  }
  auto found = layouts_.find(key);
  if (found == layouts_.end()) {
    ASSIGN_OR_RETURN(const std::optional<LayoutEntry> stored, Read(connection, host, hash));
    if (!stored) return stored;
    CachedLayout cached;
    cached.layout = *stored;
    cached.touched = cached.series_touched = clock_.Monotonic() - kSeriesSeenPeriod;
    cached.retry = clock_.Monotonic();
    found = layouts_.emplace(key, std::move(cached)).first;
  }
  CachedLayout& cached = found->second;
  // Asked for once more: there may be room by now, and the series are named only in the layout.
  if (cached.layout.refused_series > 0 && clock_.Monotonic() >= cached.retry) cached.wanted = true;
  if (cached.wanted) return std::optional<LayoutEntry>();
  RETURN_IF_ERROR(Touch(connection, cached));
  return std::optional<LayoutEntry>(cached.layout);
}

}  // namespace collector::storage
