#pragma once

#include <optional>
#include <string>
#include <vector>

#include "collector/access/key_source.h"
#include "collector/access/key_text.h"
#include "shared/postgres/connection.h"

namespace collector::storage {

// What a key is made of; id, secret and time of birth come with it.
struct KeyOrder {
  std::string name;
  std::string tenant;  // its name, [a-z][a-z0-9_-]{0,63}, made when it is new; or its number
  access::ScopeSet scopes;
  std::vector<access::Network> networks;
  std::optional<shared::WallTime> expires_at;
  std::string actor;  // for the audit log
};

// pgvigil.api_key and pgvigil.audit. Keeps one connection, made when it is first needed and again
// after it was lost. One thread. All calls: kUnavailable when PostgreSQL is away.
class KeyTable final : public access::KeySource {
 public:
  explicit KeyTable(shared::postgres::ConnectOptions connect) : connect_(std::move(connect)) {}

  shared::Result<std::optional<access::KeyList>> Read(std::optional<int64_t> known) override;
  shared::Result<void> RecordUses(
      const std::map<std::string, shared::WallTime>& last_used) override;
  shared::Result<void> RecordAudit(const std::vector<access::AuditEntry>& entries) override;

  // Stores `key` and the line of the audit log in one transaction; true: the tenant is new.
  // kInvalidInput: no such tenant, or no name for one. Brings a database that is new to its schema
  // first, so that a key can be made before the first collector starts.
  shared::Result<bool> Create(const access::NewKey& key, const KeyOrder& order);
  // Marks it revoked, with a line in the audit log. False: it was already. kNotFound.
  shared::Result<bool> Revoke(const std::string& key_id, const std::string& actor);

 private:
  shared::Result<shared::postgres::Connection*> Session();

  const shared::postgres::ConnectOptions connect_;
  std::optional<shared::postgres::Connection> connection_;
};

}  // namespace collector::storage
