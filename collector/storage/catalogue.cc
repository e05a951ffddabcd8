#include "collector/storage/catalogue.h"

#include <fmt/format.h>

#include <algorithm>

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
using shared::model::Labels;
using shared::postgres::Connection;
using shared::postgres::Parameter;
using shared::postgres::QueryKept;
using shared::postgres::Rows;
using shared::text::CleanUtf8;
using shared::text::ToHex;
using shared::text::ToUuid;

constexpr auto kLastSeenPeriod = 5min;
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

// The id that a statement returned; every statement here returns exactly one row.
Result<int64_t> OnlyId(Result<Rows> rows, std::string_view what) {
  if (!rows) return tl::make_unexpected(std::move(rows).error().With(what));
  if (rows->size() == 0 || !rows->Int(0, 0)) {
    // Another writer's row that our snapshot cannot see yet: the same again succeeds.
    return Fail(ErrorCode::kUnavailable, "{}: registered by another writer just now", what);
  }
  return *rows->Int(0, 0);
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
  if (names_.size() + files_.size() + hosts_.size() + instances_.size() > kMostRemembered) {
    Forget();
  }
}

void Catalogue::Forget() {
  tenants_.clear();
  hosts_.clear();
  agents_.clear();
  streams_.clear();
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
  if (!tenants_.contains(tenant.value)) {
    RETURN_IF_ERROR(QueryKept(connection,
                              "/* pgvigil */ INSERT INTO pgvigil.tenant (id, name)"
                              " SELECT $1::int4, 'tenant ' || $1 WHERE NOT EXISTS"
                              " (SELECT FROM pgvigil.tenant WHERE id = $1::int4)"
                              " ON CONFLICT DO NOTHING",
                              {std::to_string(tenant.value)}));
    tenants_.insert(tenant.value);
  }
  const Result<int64_t> id =
      OnlyId(QueryKept(connection, kUpsertHost,
                       {std::to_string(tenant.value), key, name.empty() ? key : name, content}),
             fmt::format("register host {}", key));
  if (!id) {
    tenants_.erase(tenant.value);  // it may have been deleted by hand
    return tl::make_unexpected(id.error());
  }
  entry = Entry{*id, std::move(content), clock_.Monotonic()};
  return HostId{static_cast<int32_t>(*id)};
}

Result<AgentId> Catalogue::Agent(Connection& connection, access::TenantId tenant,
                                 const std::string& uuid, HostId host, pgvigil::v1::Stream stream) {
  std::string content = std::to_string(host.value);
  Entry& entry = agents_[{tenant.value, uuid}];
  if (entry.id == 0 || !IsFresh(entry, content)) {
    ASSIGN_OR_RETURN(const int64_t id,
                     OnlyId(QueryKept(connection, kUpsertAgent,
                                      {std::to_string(tenant.value), ToUuid(uuid), content}),
                            fmt::format("register agent {}", ToUuid(uuid))));
    entry = Entry{id, std::move(content), clock_.Monotonic()};
  }
  const AgentId agent{static_cast<int32_t>(entry.id)};
  bool& known = streams_[{agent.value, stream}];
  if (!known) {
    RETURN_IF_ERROR(
        QueryKept(connection,
                  "/* pgvigil */ INSERT INTO pgvigil.agent_stream (agent_id, stream)"
                  " VALUES ($1::int4, $2::int2) ON CONFLICT DO NOTHING",
                  {std::to_string(agent.value), std::to_string(static_cast<int>(stream))}));
    known = true;
  }
  return agent;
}

Result<int32_t> Catalogue::Instance(Connection& connection, HostId host,
                                    const pgvigil::v1::PostgresInstance& instance) {
  std::string content = fmt::format("{} {}", instance.server_version_num(), instance.name());
  Entry& entry = instances_[{host.value, instance.system_identifier(), instance.port()}];
  if (entry.id != 0 && IsFresh(entry, content)) return static_cast<int32_t>(entry.id);
  ASSIGN_OR_RETURN(
      const int64_t id,
      OnlyId(QueryKept(
                 connection, kUpsertInstance,
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
      OnlyId(QueryKept(connection, kUpsertFile,
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
