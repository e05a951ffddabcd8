#include "collector/access/quotas.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace collector::access {
namespace {

constexpr int kLongestWait = 300;  // seconds; who owes more is told so again then

// By Unit: what one has too many of, and the key of the configuration.
struct UnitNames {
  std::string_view what;
  std::string_view key;
};
constexpr std::array<UnitNames, 5> kNames = {{{"requests a second", "requests_per_second"},
                                              {"bytes a second", "bytes_per_second"},
                                              {"samples a second", "samples_per_second"},
                                              {"lines a second", "lines_per_second"},
                                              {"queries at once", "queries_at_once"}}};

}  // namespace

Quotas::Side Quotas::MakeSide(std::string_view name, const Quota& quota,
                              shared::metrics::Registry& registry) {
  static_assert(kNames.size() == kUnits);
  const auto refused = [&](Unit unit) {
    return registry.AddCounter(
        "collector_quota_refused_total",
        "Requests refused because a quota of a key or a tenant is used up, by limit",
        {{"of", std::string(name)}, {"limit", std::string(kNames[unit].key)}});
  };
  return {
      name,
      {quota.requests_per_second, quota.bytes_per_second, quota.samples_per_second,
       quota.lines_per_second, quota.queries_at_once},
      {refused(kRequests), refused(kBytes), refused(kSamples), refused(kLines), refused(kQueries)}};
}

Quotas::Quotas(QuotaOptions options, const shared::Clock& clock,
               shared::metrics::Registry& registry)
    : none_(options.key.none() && options.tenant.none()),
      burst_seconds_(std::chrono::duration<double>(options.burst).count()),
      key_(MakeSide("key", options.key, registry)),
      tenant_(MakeSide("tenant", options.tenant, registry)),
      clock_(clock) {}

void Quotas::Fill(Account& account, const Side& side, shared::MonotonicTime now) const {
  const double seconds = std::chrono::duration<double>(now - account.filled_at).count();
  account.filled_at = now;
  for (size_t unit = 0; unit < kRates; ++unit) {
    const auto rate = static_cast<double>(side.limits[unit]);
    account.left[unit] = std::min(account.left[unit] + rate * seconds, rate * burst_seconds_);
  }
}

bool Quotas::IsFull(const Account& account, const Side& side) const {
  for (size_t unit = 0; unit < kRates; ++unit) {
    if (account.left[unit] < static_cast<double>(side.limits[unit]) * burst_seconds_) return false;
  }
  return account.queries == 0;
}

// Forgets the full ones, which are as new ones, whenever there are twice as many as were left the
// last time: so that keys that are long gone take no memory.
template <typename Id>
Quotas::Account& Quotas::Find(Book<Id>& book, const Id& id, const Side& side) const {
  const shared::MonotonicTime now = clock_.Monotonic();
  if (const auto found = book.accounts.find(id); found != book.accounts.end()) {
    Fill(found->second, side, now);
    return found->second;
  }
  if (book.accounts.size() >= book.look_through_at) {
    for (auto each = book.accounts.begin(); each != book.accounts.end();) {
      Fill(each->second, side, now);
      each = IsFull(each->second, side) ? book.accounts.erase(each) : std::next(each);
    }
    book.look_through_at = std::max<size_t>(1024, 2 * book.accounts.size());
  }
  Account& made = book.accounts[id];
  made.filled_at = now;
  for (size_t unit = 0; unit < kRates; ++unit) {
    made.left[unit] = static_cast<double>(side.limits[unit]) * burst_seconds_;
  }
  return made;
}

Quotas::Accounts Quotas::FindBoth(State& state, const Caller& caller) const {
  return {Find(state.keys, caller.key_id, key_), Find(state.tenants, caller.tenant, tenant_)};
}

std::optional<Excess> Quotas::Debt(const Account& account, const Side& side, Unit unit) const {
  const uint64_t limit = side.limits[unit];
  if (limit == 0) return std::nullopt;
  double wait = 1;
  if (unit == kQueries) {
    if (account.queries < limit) return std::nullopt;
  } else {
    // Requests are whole: the last one needs one.
    const double least = unit == kRequests ? 1 : 0;
    if (account.left[unit] >= least) return std::nullopt;
    wait = std::ceil((least - account.left[unit]) / static_cast<double>(limit));
  }
  side.refused[unit].Increment();
  return Excess{fmt::format("the {}'s quota of {} {} is used up (quotas.{}.{})", side.name, limit,
                            kNames[unit].what, side.name, kNames[unit].key),
                static_cast<int>(std::clamp<double>(wait, 1, kLongestWait))};
}

std::optional<Excess> Quotas::DebtOfEither(const Accounts& accounts, Unit unit) const {
  if (std::optional<Excess> excess = Debt(accounts.key, key_, unit)) return excess;
  return Debt(accounts.tenant, tenant_, unit);
}

std::optional<Excess> Quotas::Refuse(const Caller& caller, std::optional<Excess> excess) {
  uint64_t suppressed = 0;
  if (excess && log_limit_.Allow(&suppressed)) {
    shared::log::Warn("{} of tenant {} is told to come back in {} s: {}; {} more such lines",
                      caller.key_id.empty() ? "a sender without a key" : "key " + caller.key_id,
                      caller.tenant.value, excess->retry_after_seconds, excess->message,
                      suppressed);
  }
  return excess;
}

std::optional<Excess> Quotas::Enter(const Caller& caller, Scope scope) {
  if (none_ || scope == Scope::kAdmin) return std::nullopt;
  return Refuse(caller, state_.With([&](State& state) {
    const Accounts accounts = FindBoth(state, caller);
    std::optional<Excess> excess = DebtOfEither(accounts, kRequests);
    if (!excess && scope == Scope::kIngest) excess = DebtOfEither(accounts, kBytes);
    if (excess) return excess;
    accounts.key.left[kRequests] -= 1;
    accounts.tenant.left[kRequests] -= 1;
    return excess;
  }));
}

void Quotas::PayBytes(const Caller& caller, uint64_t bytes) {
  if (none_) return;
  state_.With([&](State& state) {
    const Accounts accounts = FindBoth(state, caller);
    accounts.key.left[kBytes] -= static_cast<double>(bytes);
    accounts.tenant.left[kBytes] -= static_cast<double>(bytes);
  });
}

std::optional<Excess> Quotas::Take(const Caller& caller, const Cost& cost) {
  if (none_) return std::nullopt;
  return Refuse(caller, state_.With([&](State& state) {
    const Accounts accounts = FindBoth(state, caller);
    std::optional<Excess> excess;
    if (cost.samples > 0) excess = DebtOfEither(accounts, kSamples);
    if (!excess && cost.lines > 0) excess = DebtOfEither(accounts, kLines);
    if (excess) return excess;
    for (Account* const account : {&accounts.key, &accounts.tenant}) {
      account->left[kSamples] -= static_cast<double>(cost.samples);
      account->left[kLines] -= static_cast<double>(cost.lines);
    }
    return excess;
  }));
}

// What is too much by it, the next Fill cuts.
void Quotas::GiveBack(const Caller& caller, const Cost& cost) {
  if (none_) return;
  state_.With([&](State& state) {
    const Accounts accounts = FindBoth(state, caller);
    for (Account* const account : {&accounts.key, &accounts.tenant}) {
      account->left[kSamples] += static_cast<double>(cost.samples);
      account->left[kLines] += static_cast<double>(cost.lines);
    }
  });
}

tl::expected<std::shared_ptr<Quotas::Place>, Excess> Quotas::BeginQuery(const Caller& caller) {
  std::optional<Excess> excess = Refuse(caller, state_.With([&](State& state) {
    const Accounts accounts = FindBoth(state, caller);
    std::optional<Excess> full = DebtOfEither(accounts, kQueries);
    if (full) return full;
    accounts.key.queries += 1;
    accounts.tenant.queries += 1;
    return full;
  }));
  if (excess) return tl::make_unexpected(std::move(*excess));
  return std::make_shared<Place>(*this, caller);
}

void Quotas::Place::Leave() {
  Quotas* const quotas = std::exchange(quotas_, nullptr);
  if (quotas == nullptr) return;
  quotas->state_.With([&](State& state) {
    const Accounts accounts = quotas->FindBoth(state, caller_);
    accounts.key.queries -= 1;
    accounts.tenant.queries -= 1;
  });
}

}  // namespace collector::access
