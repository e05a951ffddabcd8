#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "collector/access/network.h"
#include "collector/access/scope.h"
#include "collector/access/tenant.h"
#include "shared/base/clock.h"
#include "shared/base/result.h"

namespace collector::access {

// One key, as it is stored.
struct KeyRecord {
  std::string id;
  TenantId tenant;
  std::string tenant_name;
  std::string hash;  // SHA-256 of its text
  std::string name;  // for people
  ScopeSet scopes;
  std::vector<Network> networks;  // where it may be used from; empty: anywhere
  shared::WallTime created_at;
  std::optional<shared::WallTime> expires_at;
  std::optional<shared::WallTime> revoked_at;
  std::optional<shared::WallTime> last_used_at;  // to the minute or so
};

// All keys, revoked ones too. `version` changes whenever something does that matters to the gate.
struct KeyList {
  int64_t version = 0;
  std::vector<KeyRecord> keys;
};

// One line of the audit log.
struct AuditEntry {
  std::string actor;    // "key k3x9m2q7bw", "root@db7"
  std::string act;      // "key_created", "key_revoked", "admin_denied"
  std::string subject;  // the key's id, or what was asked for
  std::optional<TenantId> tenant;
  std::string detail;
};

// What the ring needs of storage. One thread.
class KeySource {
 public:
  virtual ~KeySource() = default;

  // nullopt: the version is still `known`. Where nobody has made the schema yet there is no key.
  // kUnavailable: PostgreSQL is away.
  virtual shared::Result<std::optional<KeyList>> Read(std::optional<int64_t> known) = 0;
  // When keys (by id) were last used.
  virtual shared::Result<void> RecordUses(
      const std::map<std::string, shared::WallTime>& last_used) = 0;
  virtual shared::Result<void> RecordAudit(const std::vector<AuditEntry>& entries) = 0;
};

}  // namespace collector::access
