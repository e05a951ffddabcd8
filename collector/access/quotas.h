#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "collector/access/caller.h"
#include "shared/base/clock.h"
#include "shared/concurrency/guarded.h"
#include "shared/log/log.h"
#include "shared/metrics/registry.h"

namespace collector::access {

// How much each key, or all keys of each tenant together, may do. 0: as much as it likes. The names
// are those of the configuration, [quotas.key] and [quotas.tenant].
struct Quota {
  uint64_t requests_per_second = 0;
  uint64_t bytes_per_second = 0;    // of batches' bodies as they come, compressed
  uint64_t samples_per_second = 0;  // of blocks; a statement's counters count as one
  uint64_t lines_per_second = 0;    // of logs
  uint64_t queries_at_once = 0;     // those that wait for a thread included
  [[nodiscard]] bool none() const { return *this == Quota{}; }
  bool operator==(const Quota&) const = default;
};

struct QuotaOptions {
  Quota key;
  Quota tenant;
  std::chrono::seconds burst{30};  // so many seconds' worth may come at once after a pause
};

// What a batch takes of the store.
struct Cost {
  uint64_t samples = 0;
  uint64_t lines = 0;
};

// A quota that is used up.
struct Excess {
  // "the tenant's quota of 5000 samples a second is used up (quotas.tenant.samples_per_second)"
  std::string message;
  int retry_after_seconds = 1;
};

// Holds keys and tenants to their quotas. Rates are accounts that fill as time goes by: what has
// something left is taken, however large it is (or a batch larger than a burst never would be), and
// the debt must be worn off before more comes. So a rate holds in the long run.
//
//   requests  of every kind but admin: asked before a body is read
//   bytes     asked before a body is read, paid once it is there, whatever becomes of it
//   samples, lines  asked and paid when a batch is decoded, each by batches that have some: a flood
//             of lines does not hold up metrics; given back when the batch is not stored
//   queries   a place each, until it is answered
//
// Callers without a key are one key together. Admin keys are not held to anything: they are for
// those who look what is wrong. Refusals are counted,
// collector_quota_refused_total{of="tenant",limit="samples_per_second"}, and logged now and then
// with the key. Each collector keeps its own accounts, in memory; those that are full are
// forgotten. A clock that is set does not matter. Thread-safe.
class Quotas {
 public:
  Quotas(QuotaOptions options, const shared::Clock& clock, shared::metrics::Registry& registry);

  // Takes a request, if there is one left, and no bytes are owed when it brings some (kIngest).
  std::optional<Excess> Enter(const Caller& caller, Scope scope);
  // A body has come in.
  void PayBytes(const Caller& caller, uint64_t bytes);
  // Takes what a batch costs, all or nothing. To be given back when it is not stored.
  std::optional<Excess> Take(const Caller& caller, const Cost& cost);
  void GiveBack(const Caller& caller, const Cost& cost);

  // A place among the queries under way; goes with it, or by Leave. Used by one thread at a time;
  // must not outlive the Quotas.
  class Place {
   public:
    Place(Quotas& quotas, const Caller& caller) : quotas_(&quotas), caller_(caller) {}
    ~Place() { Leave(); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    void Leave();

   private:
    Quotas* quotas_;  // null: left
    const Caller caller_;
  };
  // shared_ptr: tasks of a pool are copied.
  tl::expected<std::shared_ptr<Place>, Excess> BeginQuery(const Caller& caller);

 private:
  enum Unit : size_t { kRequests, kBytes, kSamples, kLines, kQueries, kUnits };
  static constexpr size_t kRates = kQueries;  // the units before it
  using Limits = std::array<uint64_t, kUnits>;
  struct Account {
    std::array<double, kRates> left{};  // negative: owed
    shared::MonotonicTime filled_at{};
    uint64_t queries = 0;
  };
  template <typename Id>
  struct Book {
    std::map<Id, Account, std::less<>> accounts;
    size_t look_through_at = 1024;  // so many accounts, and the full ones are forgotten
  };
  struct State {
    Book<std::string> keys;
    Book<TenantId> tenants;
  };
  struct Side {  // keys, or tenants
    std::string_view name;
    Limits limits{};
    std::array<shared::metrics::Counter, kUnits> refused;
  };
  struct Accounts {
    Account& key;
    Account& tenant;
  };

  static Side MakeSide(std::string_view name, const Quota& quota,
                       shared::metrics::Registry& registry);
  void Fill(Account& account, const Side& side, shared::MonotonicTime now) const;
  [[nodiscard]] bool IsFull(const Account& account, const Side& side) const;
  template <typename Id>
  Account& Find(Book<Id>& book, const Id& id, const Side& side) const;
  Accounts FindBoth(State& state, const Caller& caller) const;
  // Counts what is refused.
  [[nodiscard]] std::optional<Excess> Debt(const Account& account, const Side& side,
                                           Unit unit) const;
  [[nodiscard]] std::optional<Excess> DebtOfEither(const Accounts& accounts, Unit unit) const;
  std::optional<Excess> Refuse(const Caller& caller, std::optional<Excess> excess);

  const bool none_;
  const double burst_seconds_;
  const Side key_;
  const Side tenant_;
  const shared::Clock& clock_;
  shared::log::RateLimit log_limit_;
  shared::Guarded<State> state_;
};

}  // namespace collector::access
