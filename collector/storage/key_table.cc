#include "collector/storage/key_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "collector/storage/migrations.h"
#include "collector/storage/session.h"
#include "collector/storage/sql_text.h"
#include "shared/text/cursor.h"
#include "shared/text/hex.h"

namespace collector::storage {
namespace {

using access::AuditEntry;
using access::KeyList;
using access::KeyRecord;
using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::postgres::Connection;
using shared::postgres::Parameter;
using shared::postgres::Rows;
using shared::postgres::Statement;
using shared::postgres::Transaction;

constexpr std::string_view kVersionSql =
    "/* pgvigil keys */ SELECT version FROM pgvigil.api_key_version";
constexpr std::string_view kAuditSql =
    "/* pgvigil keys */ INSERT INTO pgvigil.audit (actor, act, subject, tenant_id, detail)"
    " VALUES ($1, $2, $3, $4::int4, $5)";
constexpr size_t kLongestTenantName = 64;
constexpr int64_t kNoTable = -1;  // a version: nobody has made the schema yet, so there is no key

std::optional<shared::WallTime> TimeOrNull(const Rows& rows, size_t row, size_t column) {
  const std::optional<int64_t> micros = rows.Int(row, column);
  if (!micros) return std::nullopt;
  return FromUnixMicros(*micros);
}

// Elements of "a,b,c".
template <typename Function>
void ForEachOf(std::string_view list, Function function) {
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    function(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
}

Result<KeyRecord> KeyOf(const Rows& rows, size_t row) {
  KeyRecord key;
  key.id = rows.Text(row, 0);
  key.tenant.value = static_cast<int32_t>(rows.Int(row, 1).value_or(0));
  key.tenant_name = rows.Text(row, 2);
  key.hash = FromByteaText(rows.Text(row, 3));
  key.name = rows.Text(row, 4);
  ForEachOf(rows.Text(row, 5), [&](std::string_view name) {
    if (const auto scope = access::ParseScope(name)) key.scopes.Add(*scope);
  });
  auto networks = access::ParseNetworks(rows.Text(row, 6));
  if (!networks) return tl::make_unexpected(std::move(networks).error().With("key " + key.id));
  key.networks = std::move(*networks);
  key.created_at = FromUnixMicros(rows.Int(row, 7).value_or(0));
  key.expires_at = TimeOrNull(rows, row, 8);
  key.revoked_at = TimeOrNull(rows, row, 9);
  key.last_used_at = TimeOrNull(rows, row, 10);
  return key;
}

Statement AuditStatement(const AuditEntry& entry) {
  Parameter tenant;
  if (entry.tenant) tenant = std::to_string(entry.tenant->value);
  return {std::string(kAuditSql), {entry.actor, entry.act, entry.subject, tenant, entry.detail}};
}

bool IsTenantName(std::string_view name) {
  return !name.empty() && name.size() <= kLongestTenantName && name[0] >= 'a' && name[0] <= 'z' &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") == std::string_view::npos;
}

// Finds the tenant, or makes it when it is named and new. In a transaction.
Result<std::pair<access::TenantId, bool>> TenantOf(Connection& connection,
                                                   const std::string& tenant) {
  const bool number = shared::text::ParseNumber<int32_t>(tenant).has_value();
  if (!number && !IsTenantName(tenant)) {
    return Fail(ErrorCode::kInvalidInput,
                "tenant '{}': expected a letter and up to 63 of a-z, 0-9, _ and -, or the number "
                "of a tenant that exists",
                tenant);
  }
  // Two that make tenants at the same time must not take one number.
  RETURN_IF_ERROR(connection.Execute("LOCK TABLE pgvigil.tenant IN SHARE ROW EXCLUSIVE MODE"));
  ASSIGN_OR_RETURN(const Rows found,
                   connection.Query(number ? "SELECT id FROM pgvigil.tenant WHERE id = $1::int4"
                                           : "SELECT id FROM pgvigil.tenant WHERE name = $1",
                                    {tenant}));
  if (found.size() > 0) {
    return std::pair(access::TenantId{static_cast<int32_t>(found.Int(0, 0).value_or(0))}, false);
  }
  if (number) return Fail(ErrorCode::kInvalidInput, "there is no tenant {}", tenant);
  ASSIGN_OR_RETURN(const Rows made,
                   connection.Query("INSERT INTO pgvigil.tenant (id, name)"
                                    " SELECT max(id) + 1, $1 FROM pgvigil.tenant RETURNING id",
                                    {tenant}));
  return std::pair(access::TenantId{static_cast<int32_t>(made.Int(0, 0).value_or(0))}, true);
}

std::string Describe(const KeyOrder& order, std::string_view expires) {
  return fmt::format("name '{}', scopes {}, from {}, expires {}", order.name, order.scopes.ToText(),
                     order.networks.empty() ? "anywhere" : FormatNetworks(order.networks),
                     expires.empty() ? "never" : expires);
}

}  // namespace

Result<Connection*> KeyTable::Session() {
  if (!connection_ || !connection_->IsOpen()) {
    connection_.reset();
    ASSIGN_OR_RETURN(Connection opened, OpenWriteSession(connect_, "keys"));
    connection_.emplace(std::move(opened));
  }
  return &*connection_;
}

Result<std::optional<KeyList>> KeyTable::Read(std::optional<int64_t> known) {
  ASSIGN_OR_RETURN(Connection* const connection, Session());
  if (!known || known == kNoTable) {  // asked so that a new database gets no errors in its log
    ASSIGN_OR_RETURN(const Rows there,
                     connection->Query("/* pgvigil keys */ SELECT"
                                       " to_regclass('pgvigil.api_key_version') IS NOT NULL"));
    if (!there.Bool(0, 0).value_or(false)) {
      if (known) return std::nullopt;
      return KeyList{kNoTable, {}};
    }
  }
  ASSIGN_OR_RETURN(const Rows version, connection->Query(kVersionSql));
  KeyList out;
  out.version = version.size() == 0 ? 0 : version.Int(0, 0).value_or(0);
  if (known == out.version) return std::nullopt;
  // Read after the version: what changes in between is read twice, never missed.
  ASSIGN_OR_RETURN(
      const Rows rows,
      connection->Query(fmt::format(
          "/* pgvigil keys */ SELECT k.id, k.tenant_id, t.name, k.secret_hash, k.name,"
          " array_to_string(k.scopes, ','), array_to_string(k.networks::text[], ','), {}, {}, {},"
          " {} FROM pgvigil.api_key k JOIN pgvigil.tenant t ON t.id = k.tenant_id"
          " ORDER BY k.created_at, k.id",
          EpochMicros("k.created_at"), EpochMicros("k.expires_at"), EpochMicros("k.revoked_at"),
          EpochMicros("k.last_used_at"))));
  for (size_t row = 0; row < rows.size(); ++row) {
    ASSIGN_OR_RETURN(out.keys.emplace_back(), KeyOf(rows, row));
  }
  return out;
}

Result<void> KeyTable::RecordUses(const std::map<std::string, shared::WallTime>& last_used) {
  ASSIGN_OR_RETURN(Connection* const connection, Session());
  ArrayText ids;
  ArrayText times;
  for (const auto& [id, time] : last_used) {
    ids.Add(id);
    times.Add(FormatTimestamp(time));
  }
  // In the order of ids, so that collectors that write at the same time cannot wait for each other.
  RETURN_IF_ERROR(connection->Query(
      "/* pgvigil keys */ WITH used AS (SELECT k.id, u.at FROM pgvigil.api_key k"
      " JOIN unnest($1::text[], $2::timestamptz[]) u (id, at) ON u.id = k.id"
      " WHERE k.last_used_at IS NULL OR k.last_used_at < u.at"
      " ORDER BY k.id FOR NO KEY UPDATE OF k)"
      " UPDATE pgvigil.api_key k SET last_used_at = used.at FROM used WHERE used.id = k.id",
      {ids.Take(), times.Take()}));
  return {};
}

Result<void> KeyTable::RecordAudit(const std::vector<AuditEntry>& entries) {
  ASSIGN_OR_RETURN(Connection* const connection, Session());
  std::vector<Statement> statements;
  for (const AuditEntry& entry : entries) statements.push_back(AuditStatement(entry));
  RETURN_IF_ERROR(connection->PipelineAtomic(statements));
  return {};
}

Result<bool> KeyTable::Create(const access::NewKey& key, const KeyOrder& order) {
  ASSIGN_OR_RETURN(Connection* const connection, Session());
  RETURN_IF_ERROR(Migrate(*connection, EmbeddedMigrations()));
  ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*connection));
  ASSIGN_OR_RETURN(const auto tenant, TenantOf(*connection, order.tenant));
  ArrayText scopes;
  for (const access::Scope scope : access::kScopes) {
    if (order.scopes.Has(scope)) scopes.Add(access::ScopeName(scope));
  }
  ArrayText networks;
  for (const access::Network& one : order.networks) networks.Add(FormatNetwork(one));
  Parameter expires;
  if (order.expires_at) expires = FormatTimestamp(*order.expires_at);
  const std::string tenant_text = std::to_string(tenant.first.value);
  const AuditEntry entry{order.actor, "key_created", key.id, tenant.first,
                         Describe(order, expires.value_or(""))};
  RETURN_IF_ERROR(connection->PipelineAtomic(
      {{"/* pgvigil keys */ INSERT INTO pgvigil.api_key (id, tenant_id, secret_hash, name, scopes,"
        " networks, expires_at) VALUES ($1, $2::int4, decode($3, 'hex'), $4, $5::text[],"
        " $6::cidr[], $7::timestamptz)",
        {key.id, tenant_text, shared::text::ToHex(key.hash), order.name, scopes.Take(),
         networks.Take(), expires}},
       AuditStatement(entry)}));
  RETURN_IF_ERROR(transaction.Commit());
  return tenant.second;
}

Result<bool> KeyTable::Revoke(const std::string& key_id, const std::string& actor) {
  ASSIGN_OR_RETURN(Connection* const connection, Session());
  ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*connection));
  ASSIGN_OR_RETURN(const Rows found,
                   connection->Query("/* pgvigil keys */ SELECT tenant_id, name,"
                                     " revoked_at IS NOT NULL FROM pgvigil.api_key WHERE id = $1"
                                     " FOR UPDATE",
                                     {key_id}));
  if (found.size() == 0) return Fail(ErrorCode::kNotFound, "there is no key {}", key_id);
  if (found.Bool(0, 2).value_or(false)) return false;
  AuditEntry entry{actor, "key_revoked", key_id, std::nullopt,
                   fmt::format("name '{}'", found.Text(0, 1))};
  entry.tenant.emplace().value = static_cast<int32_t>(found.Int(0, 0).value_or(0));
  RETURN_IF_ERROR(connection->PipelineAtomic(
      {{"/* pgvigil keys */ UPDATE pgvigil.api_key SET revoked_at = now() WHERE id = $1", {key_id}},
       AuditStatement(entry)}));
  RETURN_IF_ERROR(transaction.Commit());
  return true;
}

}  // namespace collector::storage
