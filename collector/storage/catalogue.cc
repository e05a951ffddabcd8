#include "collector/storage/catalogue.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "collector/storage/sql_text.h"
#include "shared/model/layout.h"
#include "shared/text/hex.h"
#include "shared/text/utf8.h"

namespace collector::storage {
namespace {

using namespace std::chrono_literals;
using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::model::Labels;
using shared::postgres::Connection;
using shared::postgres::Parameter;
using shared::postgres::Rows;
using shared::text::CleanUtf8;
using shared::text::ToHex;
using shared::text::ToUuid;

constexpr auto kLastSeenPeriod = 5min;
constexpr auto kLayoutSeenPeriod = 1h;
constexpr auto kSeriesSeenPeriod = 24h;
constexpr size_t kMostRemembered = 500'000;

template <typename Attributes>
Labels ToLabels(const Attributes& attributes) {
  Labels labels;
  for (const auto& attribute : attributes) labels.push_back({attribute.name(), attribute.value()});
  std::sort(labels.begin(), labels.end());
  return labels;
}

std::string_view FindAttribute(const pgvigil::v1::Resource& resource, std::string_view name) {
  for (const auto& attribute : resource.attributes()) {
    if (attribute.name() == name) return attribute.value();
  }
  return {};
}

// Common labels and the series' own, which win; sorted, each name once.
Labels MergeLabels(const Labels& common, Labels own) {
  Labels merged = own;
  for (const auto& label : common) {
    const bool overridden = std::any_of(own.begin(), own.end(),
                                        [&](const auto& one) { return one.name == label.name; });
    if (!overridden) merged.push_back(label);
  }
  std::sort(merged.begin(), merged.end());
  return merged;
}

shared::model::Layout ToModel(const pgvigil::v1::Layout& layout) {
  shared::model::Layout out;
  for (const auto& label : layout.common_labels()) {
    out.common_labels.push_back({label.name(), label.value()});
  }
  out.series.reserve(static_cast<size_t>(layout.series_size()));
  for (const auto& series : layout.series()) {
    shared::model::Series one{
        series.name(), series.unit(), static_cast<shared::model::MetricKind>(series.kind()), {}};
    for (const auto& label : series.labels()) one.labels.push_back({label.name(), label.value()});
    out.series.push_back(std::move(one));
  }
  out.hash = shared::model::ComputeHash(out.common_labels, out.series);
  return out;
}

std::string BytesOf(const shared::model::LayoutHash& hash) {
  std::string bytes(hash.bytes.size(), '\0');
  std::memcpy(bytes.data(), hash.bytes.data(), bytes.size());
  return bytes;
}

// The id that a statement returned; every statement here returns exactly one row.
Result<int64_t> OnlyId(Result<Rows> rows, std::string_view what) {
  if (!rows) return tl::make_unexpected(std::move(rows).error().With(what));
  if (rows->size() == 0 || !rows->Int(0, 0)) {
    // Another writer's row that our snapshot cannot see yet: the same again succeeds.
    return Fail(ErrorCode::kUnavailable, "{}: registered by another writer just now", what);
  }
  return *rows->Int(0, 0);
}

// The series of a layout in unnest form, sorted by fingerprint, so that two writers that register
// the same ones lock them in the same order.
struct SeriesArrays {
  std::string fingerprints, metrics, kinds, units, labels;
};

struct SeriesRecord {
  std::string fingerprint;
  int32_t metric = 0;
  const shared::model::Series* series = nullptr;
  std::string labels;
};

SeriesArrays ToArrays(const std::vector<SeriesRecord>& sorted) {
  ArrayText fingerprints, metrics, kinds, units, labels;
  for (const SeriesRecord& record : sorted) {
    fingerprints.Add(std::string_view(ToUuid(record.fingerprint)));
    metrics.Add(int64_t{record.metric});
    kinds.Add(static_cast<int64_t>(record.series->kind));
    units.Add(std::string_view(record.series->unit));
    labels.Add(std::string_view(record.labels));
  }
  return {fingerprints.Take(), metrics.Take(), kinds.Take(), units.Take(), labels.Take()};
}

constexpr std::string_view kUpsertHost = R"sql(/* pgvigil */
WITH changed AS (
  UPDATE pgvigil.host SET name = $3, resource = $4::jsonb, last_seen = now()
  WHERE tenant_id = $1::int4 AND host_key = $2 RETURNING id
), added AS (
  INSERT INTO pgvigil.host (tenant_id, host_key, name, resource)
  SELECT $1::int4, $2, $3, $4::jsonb WHERE NOT EXISTS (SELECT FROM changed)
  ON CONFLICT (tenant_id, host_key) DO UPDATE SET last_seen = now() RETURNING id
) SELECT id FROM changed UNION ALL SELECT id FROM added)sql";

constexpr std::string_view kUpsertAgent = R"sql(/* pgvigil */
WITH changed AS (
  UPDATE pgvigil.agent SET host_id = $3::int4, last_seen = now()
  WHERE tenant_id = $1::int4 AND uuid = $2::uuid RETURNING id
), added AS (
  INSERT INTO pgvigil.agent (tenant_id, uuid, host_id)
  SELECT $1::int4, $2::uuid, $3::int4 WHERE NOT EXISTS (SELECT FROM changed)
  ON CONFLICT (tenant_id, uuid) DO UPDATE SET last_seen = now() RETURNING id
) SELECT id FROM changed UNION ALL SELECT id FROM added)sql";

constexpr std::string_view kAddSeries = R"sql(/* pgvigil */
INSERT INTO pgvigil.series (host_id, metric_id, kind, unit, labels, fingerprint)
SELECT $1::int4, n.metric_id, n.kind, n.unit, n.labels::jsonb, n.fingerprint
FROM unnest($2::uuid[], $3::int4[], $4::int2[], $5::text[], $6::text[])
  AS n (fingerprint, metric_id, kind, unit, labels)
WHERE NOT EXISTS (SELECT FROM pgvigil.series s
                  WHERE s.host_id = $1::int4 AND s.fingerprint = n.fingerprint)
ORDER BY n.fingerprint
ON CONFLICT (host_id, fingerprint) DO NOTHING)sql";

constexpr std::string_view kSeriesIds = R"sql(/* pgvigil */
SELECT id, fingerprint FROM pgvigil.series
WHERE host_id = $1::int4 AND fingerprint = ANY ($2::uuid[]))sql";

constexpr std::string_view kAddLayout = R"sql(/* pgvigil */
INSERT INTO pgvigil.layout (host_id, hash, series_ids) VALUES ($1::int4, $2::uuid, $3::int8[])
ON CONFLICT (host_id, hash) DO UPDATE SET last_seen = now() RETURNING id)sql";

constexpr std::string_view kUpsertInstance = R"sql(/* pgvigil */
WITH changed AS (
  UPDATE pgvigil.instance SET name = $4, server_version_num = $5::int4, last_seen = now()
  WHERE host_id = $1::int4 AND system_identifier = $2::int8 AND port = $3::int4 RETURNING id
), added AS (
  INSERT INTO pgvigil.instance (host_id, system_identifier, port, name, server_version_num)
  SELECT $1::int4, $2::int8, $3::int4, $4, $5::int4 WHERE NOT EXISTS (SELECT FROM changed)
  ON CONFLICT (host_id, system_identifier, port) DO UPDATE SET last_seen = now() RETURNING id
) SELECT id FROM changed UNION ALL SELECT id FROM added)sql";

// A text that was cut or not parsed gives way to a better one.
constexpr std::string_view kUpsertTexts = R"sql(/* pgvigil */
INSERT INTO pgvigil.statement_text (instance_id, dbid, queryid, text, fingerprint, parsed, truncated)
SELECT $1::int4, n.dbid, n.queryid, n.text, decode(n.fingerprint, 'hex'), n.parsed, n.truncated
FROM unnest($2::oid[], $3::int8[], $4::text[], $5::text[], $6::bool[], $7::bool[])
  AS n (dbid, queryid, text, fingerprint, parsed, truncated)
ORDER BY n.dbid, n.queryid
ON CONFLICT (instance_id, dbid, queryid) DO UPDATE SET text = excluded.text,
  fingerprint = excluded.fingerprint, parsed = excluded.parsed, truncated = excluded.truncated
WHERE (statement_text.text, statement_text.fingerprint) IS DISTINCT FROM
      (excluded.text, excluded.fingerprint))sql";

constexpr std::string_view kUpsertFile = R"sql(/* pgvigil */
WITH changed AS (
  UPDATE pgvigil.log_file SET path = $5, instance_id = $4::int4
  WHERE agent_id = $1::int4 AND uuid = $2::uuid RETURNING id
), added AS (
  INSERT INTO pgvigil.log_file (agent_id, uuid, host_id, instance_id, path, format, inode, device)
  SELECT $1::int4, $2::uuid, $3::int4, $4::int4, $5, $6::int2, $7::int8, $8::int8
  WHERE NOT EXISTS (SELECT FROM changed)
  ON CONFLICT (agent_id, uuid) DO UPDATE SET path = excluded.path RETURNING id
) SELECT id FROM changed UNION ALL SELECT id FROM added)sql";

}  // namespace

bool Catalogue::IsFresh(const Entry& entry, const std::string& content) const {
  return entry.content == content && clock_.Monotonic() - entry.written < kLastSeenPeriod;
}

void Catalogue::StartOverWhenLarge() {
  if (layouts_.size() + names_.size() + files_.size() + hosts_.size() + metrics_.size() +
          instances_.size() >
      kMostRemembered) {
    Forget();
  }
}

void Catalogue::Forget() {
  hosts_.clear();
  agents_.clear();
  streams_.clear();
  metrics_.clear();
  layouts_.clear();
  instances_.clear();
  names_.clear();
  files_.clear();
}

Result<HostId> Catalogue::Host(Connection& connection, access::TenantId tenant,
                               const pgvigil::v1::Resource& resource) {
  StartOverWhenLarge();
  const std::string name = CleanUtf8(FindAttribute(resource, "host.name"));
  std::string key = CleanUtf8(FindAttribute(resource, "host.id"));
  if (key.empty()) key = name;
  if (key.empty()) {
    return Fail(ErrorCode::kInvalidInput, "the resource has neither host.id nor host.name");
  }
  std::string content = LabelsJson(ToLabels(resource.attributes()));
  Entry& entry = hosts_[{tenant.value, key}];
  if (entry.id != 0 && IsFresh(entry, content)) return HostId{static_cast<int32_t>(entry.id)};
  if (entry.id == 0) {
    RETURN_IF_ERROR(
        connection.Query("/* pgvigil */ INSERT INTO pgvigil.tenant (id, name)"
                         " SELECT $1::int4, 'tenant ' || $1 WHERE NOT EXISTS"
                         " (SELECT FROM pgvigil.tenant WHERE id = $1::int4)"
                         " ON CONFLICT DO NOTHING",
                         {std::to_string(tenant.value)}));
  }
  ASSIGN_OR_RETURN(const int64_t id,
                   OnlyId(connection.Query(kUpsertHost, {std::to_string(tenant.value), key,
                                                         name.empty() ? key : name, content}),
                          fmt::format("register host {}", key)));
  entry = Entry{id, std::move(content), clock_.Monotonic()};
  return HostId{static_cast<int32_t>(id)};
}

Result<AgentId> Catalogue::Agent(Connection& connection, access::TenantId tenant,
                                 const std::string& uuid, HostId host, pgvigil::v1::Stream stream) {
  std::string content = std::to_string(host.value);
  Entry& entry = agents_[{tenant.value, uuid}];
  if (entry.id == 0 || !IsFresh(entry, content)) {
    ASSIGN_OR_RETURN(const int64_t id,
                     OnlyId(connection.Query(kUpsertAgent,
                                             {std::to_string(tenant.value), ToUuid(uuid), content}),
                            fmt::format("register agent {}", ToUuid(uuid))));
    entry = Entry{id, std::move(content), clock_.Monotonic()};
  }
  const AgentId agent{static_cast<int32_t>(entry.id)};
  bool& known = streams_[{agent.value, stream}];
  if (!known) {
    RETURN_IF_ERROR(
        connection.Query("/* pgvigil */ INSERT INTO pgvigil.agent_stream (agent_id, stream)"
                         " VALUES ($1::int4, $2::int2) ON CONFLICT DO NOTHING",
                         {std::to_string(agent.value), std::to_string(static_cast<int>(stream))}));
    known = true;
  }
  return agent;
}

Result<std::unordered_map<std::string, int32_t>> Catalogue::Metrics(
    Connection& connection, access::TenantId tenant, const pgvigil::v1::Layout& layout) {
  std::unordered_map<std::string, int32_t> ids;
  std::set<std::string> unknown;
  for (const auto& series : layout.series()) {
    const auto found = metrics_.find({tenant.value, series.name()});
    if (found == metrics_.end()) {
      unknown.insert(CleanUtf8(series.name()));
    } else {
      ids[series.name()] = found->second;
    }
  }
  if (unknown.empty()) return ids;
  ArrayText array;
  for (const std::string& name : unknown) array.Add(std::string_view(name));
  const std::string names = array.Take();
  const std::string tenant_text = std::to_string(tenant.value);
  RETURN_IF_ERROR(connection.Query(
      "/* pgvigil */ INSERT INTO pgvigil.metric (tenant_id, name) SELECT $1::int4, n"
      " FROM unnest($2::text[]) AS n WHERE NOT EXISTS (SELECT FROM pgvigil.metric m"
      " WHERE m.tenant_id = $1::int4 AND m.name = n) ORDER BY n ON CONFLICT DO NOTHING",
      {tenant_text, names}));
  ASSIGN_OR_RETURN(const Rows rows,
                   connection.Query("/* pgvigil */ SELECT name, id FROM pgvigil.metric"
                                    " WHERE tenant_id = $1::int4 AND name = ANY ($2::text[])",
                                    {tenant_text, names}));
  for (size_t row = 0; row < rows.size(); ++row) {
    const std::string name(rows.Text(row, 0));
    const auto id = static_cast<int32_t>(rows.Int(row, 1).value_or(0));
    metrics_[{tenant.value, name}] = id;
    ids[name] = id;
  }
  return ids;
}

Result<void> Catalogue::RegisterLayout(Connection& connection, access::TenantId tenant, HostId host,
                                       const pgvigil::v1::Layout& layout) {
  if (layouts_.contains({host.value, layout.hash()})) return {};
  const shared::model::Layout model = ToModel(layout);
  if (BytesOf(model.hash) != layout.hash()) {
    return Fail(ErrorCode::kInvalidInput, "layout {}: its content has the hash {}",
                ToHex(layout.hash()), shared::model::ToHex(model.hash));
  }
  ASSIGN_OR_RETURN(const auto metrics, Metrics(connection, tenant, layout));
  std::vector<SeriesRecord> records;
  records.reserve(model.series.size());
  std::vector<std::string> order;  // fingerprints as in the layout
  for (const shared::model::Series& series : model.series) {
    shared::model::Series merged = series;
    merged.labels = MergeLabels(model.common_labels, series.labels);
    std::string labels = LabelsJson(merged.labels);
    std::string fingerprint = BytesOf(shared::model::ComputeHash({}, {merged}));
    order.push_back(fingerprint);
    records.push_back(
        {std::move(fingerprint), metrics.at(CleanUtf8(series.name)), &series, std::move(labels)});
  }
  std::sort(records.begin(), records.end(), [](const SeriesRecord& a, const SeriesRecord& b) {
    return a.fingerprint < b.fingerprint;
  });
  records.erase(std::unique(records.begin(), records.end(),
                            [](const SeriesRecord& a, const SeriesRecord& b) {
                              return a.fingerprint == b.fingerprint;
                            }),
                records.end());
  const SeriesArrays arrays = ToArrays(records);
  const std::string host_text = std::to_string(host.value);
  RETURN_IF_ERROR(connection.Query(kAddSeries, {host_text, arrays.fingerprints, arrays.metrics,
                                                arrays.kinds, arrays.units, arrays.labels}));
  ASSIGN_OR_RETURN(const Rows rows, connection.Query(kSeriesIds, {host_text, arrays.fingerprints}));
  std::unordered_map<std::string, int64_t> ids;
  for (size_t row = 0; row < rows.size(); ++row) {
    ids[std::string(rows.Text(row, 1))] = rows.Int(row, 0).value_or(0);
  }
  ArrayText series_ids;
  for (const std::string& fingerprint : order) {
    const auto found = ids.find(ToUuid(fingerprint));
    if (found == ids.end()) {
      return Fail(ErrorCode::kUnavailable, "layout {}: a series vanished while it was registered",
                  ToHex(layout.hash()));
    }
    series_ids.Add(found->second);
  }
  ASSIGN_OR_RETURN(
      const int64_t id,
      OnlyId(connection.Query(kAddLayout, {host_text, ToUuid(layout.hash()), series_ids.Take()}),
             "register layout"));
  const shared::MonotonicTime now = clock_.Monotonic();
  layouts_[{host.value, layout.hash()}] =
      CachedLayout{{id, static_cast<uint32_t>(order.size())}, now, now - kSeriesSeenPeriod};
  return {};
}

Result<void> Catalogue::Touch(Connection& connection, CachedLayout& cached) {
  const shared::MonotonicTime now = clock_.Monotonic();
  if (now - cached.touched < kLayoutSeenPeriod) return {};
  const std::string id = std::to_string(cached.layout.id);
  RETURN_IF_ERROR(connection.Query(
      "/* pgvigil */ UPDATE pgvigil.layout SET last_seen = now() WHERE id = $1::int8", {id}));
  cached.touched = now;
  if (now - cached.series_touched < kSeriesSeenPeriod) return {};
  // Sorted, so that two agents of one host cannot lock the same rows crosswise.
  RETURN_IF_ERROR(connection.Query(
      "/* pgvigil */ WITH old AS (SELECT id FROM pgvigil.series WHERE id = ANY ((SELECT series_ids"
      " FROM pgvigil.layout WHERE id = $1::int8)::int8[]) AND last_seen < now() - interval '12 "
      "hours'"
      " ORDER BY id FOR NO KEY UPDATE)"
      " UPDATE pgvigil.series s SET last_seen = now() FROM old WHERE s.id = old.id",
      {id}));
  cached.series_touched = now;
  return {};
}

Result<std::optional<LayoutEntry>> Catalogue::FindLayout(Connection& connection, HostId host,
                                                         const std::string& hash) {
  auto found = layouts_.find({host.value, hash});
  if (found == layouts_.end()) {
    ASSIGN_OR_RETURN(const Rows rows,
                     connection.Query("/* pgvigil */ SELECT id, cardinality(series_ids)"
                                      " FROM pgvigil.layout WHERE host_id = $1::int4"
                                      " AND hash = $2::uuid",
                                      {std::to_string(host.value), ToUuid(hash)}));
    if (rows.size() == 0) return std::optional<LayoutEntry>();
    const LayoutEntry layout{rows.Int(0, 0).value_or(0),
                             static_cast<uint32_t>(rows.Int(0, 1).value_or(0))};
    const shared::MonotonicTime long_ago = clock_.Monotonic() - kSeriesSeenPeriod;
    found = layouts_.emplace(std::pair{host.value, hash}, CachedLayout{layout, long_ago, long_ago})
                .first;
  }
  RETURN_IF_ERROR(Touch(connection, found->second));
  return std::optional<LayoutEntry>(found->second.layout);
}

Result<int32_t> Catalogue::Instance(Connection& connection, HostId host,
                                    const pgvigil::v1::PostgresInstance& instance) {
  std::string content = fmt::format("{} {}", instance.server_version_num(), instance.name());
  Entry& entry = instances_[{host.value, instance.system_identifier(), instance.port()}];
  if (entry.id != 0 && IsFresh(entry, content)) return static_cast<int32_t>(entry.id);
  ASSIGN_OR_RETURN(
      const int64_t id,
      OnlyId(connection.Query(
                 kUpsertInstance,
                 {std::to_string(host.value),
                  std::to_string(static_cast<int64_t>(instance.system_identifier())),
                  std::to_string(static_cast<int32_t>(instance.port())), CleanUtf8(instance.name()),
                  std::to_string(static_cast<int32_t>(instance.server_version_num()))}),
             fmt::format("register instance {}", instance.name())));
  entry = Entry{id, std::move(content), clock_.Monotonic()};
  return static_cast<int32_t>(id);
}

Result<void> Catalogue::RegisterNames(Connection& connection, int32_t instance_id,
                                      const pgvigil::v1::StatementInterval& interval) {
  const auto write = [&](bool roles, const auto& named) -> Result<void> {
    std::map<uint32_t, std::string> changed;
    for (const auto& one : named) {
      // "" when the object is gone: its last name says more.
      if (one.name().empty()) continue;
      const auto known = names_.find({instance_id, roles, one.oid()});
      if (known == names_.end() || known->second != one.name()) changed[one.oid()] = one.name();
    }
    if (changed.empty()) return {};
    ArrayText oids, texts;
    for (const auto& [oid, name] : changed) {
      oids.Add(int64_t{oid});
      texts.Add(std::string_view(name));
    }
    const std::string table = roles ? "role_name" : "database_name";
    RETURN_IF_ERROR(connection.Query(
        fmt::format("/* pgvigil */ INSERT INTO pgvigil.{0} (instance_id, oid, name)"
                    " SELECT $1::int4, n.oid, n.name FROM unnest($2::oid[], $3::text[])"
                    " AS n (oid, name) ORDER BY n.oid ON CONFLICT (instance_id, oid) DO UPDATE"
                    " SET name = excluded.name, updated_at = now() WHERE {0}.name <> excluded.name",
                    table),
        {std::to_string(instance_id), oids.Take(), texts.Take()}));
    for (auto& [oid, name] : changed) names_[{instance_id, roles, oid}] = std::move(name);
    return {};
  };
  RETURN_IF_ERROR(write(false, interval.databases()));
  return write(true, interval.roles());
}

Result<void> Catalogue::RegisterTexts(Connection& connection, int32_t instance_id,
                                      const pgvigil::v1::StatementTexts& texts) {
  // Each key once: one INSERT … ON CONFLICT DO UPDATE may not meet a row twice.
  std::map<std::pair<uint32_t, int64_t>, const pgvigil::v1::StatementText*> unique;
  for (const auto& text : texts.texts()) unique[{text.dbid(), text.queryid()}] = &text;
  if (unique.empty()) return {};
  ArrayText dbids, queryids, bodies, fingerprints, parsed, truncated;
  for (const auto& [key, text] : unique) {
    dbids.Add(int64_t{key.first});
    queryids.Add(key.second);
    bodies.Add(std::string_view(text->text()));
    fingerprints.Add(std::string_view(ToHex(text->fingerprint())));
    parsed.Add(std::string_view(text->parsed() ? "t" : "f"));
    truncated.Add(std::string_view(text->truncated() ? "t" : "f"));
  }
  RETURN_IF_ERROR(connection.Query(
      kUpsertTexts, {std::to_string(instance_id), dbids.Take(), queryids.Take(), bodies.Take(),
                     fingerprints.Take(), parsed.Take(), truncated.Take()}));
  return {};
}

Result<int64_t> Catalogue::LogFile(Connection& connection, AgentId agent, HostId host,
                                   std::optional<int32_t> instance_id,
                                   const pgvigil::v1::LogFile& file) {
  std::string content = fmt::format("{} {}", instance_id.value_or(0), file.path());
  Entry& entry = files_[{agent.value, file.id()}];
  // No last_seen here: the transaction that stores the lines raises it.
  if (entry.id != 0 && entry.content == content) return entry.id;
  ASSIGN_OR_RETURN(
      const int64_t id,
      OnlyId(connection.Query(
                 kUpsertFile,
                 {std::to_string(agent.value), ToUuid(file.id()), std::to_string(host.value),
                  instance_id ? Parameter(std::to_string(*instance_id)) : std::nullopt,
                  CleanUtf8(file.path()), std::to_string(static_cast<int>(file.format())),
                  std::to_string(static_cast<int64_t>(file.inode())),
                  std::to_string(static_cast<int64_t>(file.device()))}),
             fmt::format("register log file {}", file.path())));
  entry = Entry{id, std::move(content), clock_.Monotonic()};
  return id;
}

}  // namespace collector::storage
