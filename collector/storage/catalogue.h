#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>

#include "collector/access/tenant.h"
#include "pgvigil/v1/batch.pb.h"
#include "shared/base/clock.h"
#include "shared/base/result.h"
#include "shared/postgres/connection.h"

namespace collector::storage {

struct HostId {
  int32_t value = 0;
};
struct AgentId {
  int32_t value = 0;
};

// Turns what batches name (hosts, agents, clusters, files) into ids, registering what is
// new.
//
// Registration is a statement of its own that commits at once, before and apart from the
// transaction that stores the batch: rows of the catalogue are harmless without data, no two
// writers can deadlock on them, and what is remembered here was committed. A steady stream of
// batches finds everything in memory and costs no round trip.
//
// Used by one writer thread with its connection, outside a transaction. After Forget() everything
// is looked up again. Remembers at most some 500,000 names, then starts over.
class Catalogue {
 public:
  explicit Catalogue(const shared::Clock& clock) : clock_(clock) {}

  // kInvalidInput: the resource has neither host.id nor host.name.
  shared::Result<HostId> Host(shared::postgres::Connection& connection, access::TenantId tenant,
                              const pgvigil::v1::Resource& resource);
  // Registers the stream too. `uuid`: 16 bytes.
  shared::Result<AgentId> Agent(shared::postgres::Connection& connection, access::TenantId tenant,
                                const std::string& uuid, HostId host, pgvigil::v1::Stream stream);
  shared::Result<int32_t> Instance(shared::postgres::Connection& connection, HostId host,
                                   const pgvigil::v1::PostgresInstance& instance);
  shared::Result<void> RegisterNames(shared::postgres::Connection& connection, int32_t instance_id,
                                     const pgvigil::v1::StatementInterval& interval);
  shared::Result<void> RegisterTexts(shared::postgres::Connection& connection, int32_t instance_id,
                                     const pgvigil::v1::StatementTexts& texts);
  // `instance_id`: nullopt for a file that no cluster writes.
  shared::Result<int64_t> LogFile(shared::postgres::Connection& connection, AgentId agent,
                                  HostId host, std::optional<int32_t> instance_id,
                                  const pgvigil::v1::LogFile& file);

  void Forget();

 private:
  // An id, what was last written of the thing, and when: written again when that changed, and every
  // few minutes for last_seen.
  struct Entry {
    int64_t id = 0;
    std::string content;
    shared::MonotonicTime written;
  };

  [[nodiscard]] bool IsFresh(const Entry& entry, const std::string& content) const;
  void StartOverWhenLarge();

  const shared::Clock& clock_;
  std::set<int32_t> tenants_;
  std::map<std::pair<int32_t, std::string>, Entry> hosts_;   // tenant, host key
  std::map<std::pair<int32_t, std::string>, Entry> agents_;  // tenant, uuid
  std::map<std::pair<int32_t, int>, bool> streams_;          // agent, stream
  std::map<std::tuple<int32_t, uint64_t, uint32_t>, Entry> instances_;
  std::map<std::tuple<int32_t, bool, uint32_t>, std::string> names_;  // instance, is role, oid
  std::map<std::pair<int32_t, std::string>, Entry> files_;            // agent, uuid
};

}  // namespace collector::storage
