#include "collector/access/gate.h"

#include <array>
#include <memory>
#include <utility>

#include "collector/access/credential.h"
#include "shared/text/time_text.h"

namespace collector::access {
namespace {

using shared::text::FormatTime;

constexpr std::string_view kMissing = "missing";
constexpr std::string_view kMalformed = "malformed";
constexpr std::string_view kUnknown = "unknown";
constexpr std::string_view kRevoked = "revoked";
constexpr std::string_view kExpired = "expired";
constexpr std::string_view kNetwork = "network";
constexpr std::string_view kScope = "scope";
constexpr std::string_view kTenant = "tenant";
constexpr std::string_view kNoKeys = "no_keys";
constexpr std::string_view kUnread = "unread";
constexpr std::string_view kQuota = "quota";
constexpr std::array kReasons = {kMissing, kMalformed, kUnknown, kRevoked, kExpired, kNetwork,
                                 kScope,   kTenant,    kNoKeys,  kUnread,  kQuota};

constexpr int kRetryAfterSeconds = 2;
constexpr std::string_view kDefaultTenantName = "default";  // as the first migration names it

Denial Unauthenticated(std::string_view reason, std::string message) {
  return {401, "unauthenticated", reason, std::move(message)};
}
Denial Forbidden(std::string_view reason, std::string message) {
  return {403, "permission_denied", reason, std::move(message)};
}
tl::unexpected<Denial> No(Denial denial) {
  return tl::make_unexpected(std::move(denial));
}

bool IsLocal(std::string_view address) {
  const std::optional<Address> parsed = ParseAddress(address);
  return parsed && IsLoopback(*parsed);
}

bool IsWithin(const std::vector<Network>& networks, std::string_view address) {
  const std::optional<Address> parsed = ParseAddress(address);
  if (!parsed) return false;
  for (const Network& network : networks) {
    if (network.Contains(*parsed)) return true;
  }
  return false;
}

}  // namespace

Gate::Gate(KeyRule rule, KeyRing* ring, const shared::Clock& clock,
           shared::metrics::Registry& registry, Quotas* quotas)
    : rule_(rule), ring_(ring), quotas_(quotas), clock_(clock) {
  for (const std::string_view reason : kReasons) {
    denied_.emplace(reason, registry.AddCounter("collector_access_denied_total",
                                                "Requests that were not let in",
                                                {{"reason", std::string(reason)}}));
  }
}

tl::expected<Caller, Denial> Gate::Admit(const Knock& knock, Scope scope) const {
  tl::expected<Caller, Denial> caller = Judge(knock, scope);
  if (caller && quotas_ != nullptr) {
    if (std::optional<Excess> excess = quotas_->Enter(*caller, scope)) {
      caller = No({429, "resource_exhausted", kQuota, std::move(excess->message),
                   excess->retry_after_seconds});
    }
  }
  if (!caller) denied_.at(caller.error().reason).Increment();
  return caller;
}

tl::expected<Caller, Denial> Gate::Judge(const Knock& knock, Scope scope) const {
  if (rule_ == KeyRule::kNever) return JudgeKeyless(knock);
  shared::Result<std::optional<ShownKey>> shown =
      ReadCredential(knock.authorization, knock.api_key);
  if (!shown) return No(Unauthenticated(kMalformed, std::move(shown).error().message));
  const std::shared_ptr<const KeysById> keys = ring_->Keys();
  if (!keys) {
    return No({503, "unavailable", kUnread,
               "the API keys were not read yet: the collector has not reached its PostgreSQL",
               kRetryAfterSeconds});
  }
  if (!*shown) {
    if (rule_ == KeyRule::kOnceThereIsOne && !ring_->HasKeys()) {
      if (IsLocal(knock.address)) return JudgeKeyless(knock);
      return No(Forbidden(kNoKeys,
                          "while there is no API key only this machine may ask; make one with: "
                          "pgvigil-collector keys create"));
    }
    return No(Unauthenticated(kMissing,
                              "an API key is needed: send Authorization: Bearer KEY or X-API-Key: "
                              "KEY"));
  }
  // Of an unknown id a hash is computed and compared all the same.
  static constexpr std::array<char, 32> kNoHash{};
  const auto found = keys->find((*shown)->id);
  const bool known = found != keys->end();
  const std::string_view stored =
      known ? std::string_view(found->second.hash) : std::string_view(kNoHash.data(), 32);
  if (!SameHash(HashKey((*shown)->text), stored) || !known) {
    return No(Unauthenticated(kUnknown, "the API key is not known"));
  }
  const KeyRecord& key = found->second;
  if (std::optional<Denial> denial = Objection(key, knock, scope)) return No(std::move(*denial));
  ring_->NoteUse(key.id);
  return Caller{key.tenant, key.id, key.scopes};
}

tl::expected<Caller, Denial> Gate::JudgeKeyless(const Knock& knock) const {
  if (knock.tenant != nullptr && *knock.tenant != std::to_string(kDefaultTenant.value) &&
      *knock.tenant != kDefaultTenantName) {
    return No(Forbidden(kTenant, "without an API key the tenant is the default one"));
  }
  return Caller{};
}

// Of the right key: so its owner may be told everything.
std::optional<Denial> Gate::Objection(const KeyRecord& key, const Knock& knock, Scope scope) const {
  if (key.revoked_at) {
    return Unauthenticated(
        kRevoked, fmt::format("API key {} was revoked at {}", key.id, FormatTime(*key.revoked_at)));
  }
  if (key.expires_at && clock_.Now() >= *key.expires_at) {
    return Unauthenticated(
        kExpired, fmt::format("API key {} expired at {}", key.id, FormatTime(*key.expires_at)));
  }
  if (!key.networks.empty() && !IsWithin(key.networks, knock.address)) {
    return Forbidden(kNetwork, fmt::format("API key {} may not be used from {}, only from {}",
                                           key.id, knock.address, FormatNetworks(key.networks)));
  }
  if (knock.tenant != nullptr && *knock.tenant != key.tenant_name &&
      *knock.tenant != std::to_string(key.tenant.value)) {
    return Forbidden(kTenant, fmt::format("API key {} is of tenant '{}', the request names another",
                                          key.id, key.tenant_name));
  }
  if (!key.scopes.Has(scope)) {
    if (scope == Scope::kAdmin) ring_->NoteDenied(key, std::string(knock.what));
    return Forbidden(kScope, fmt::format("API key {} has the scope {}, this needs {}", key.id,
                                         key.scopes.ToText(), ScopeName(scope)));
  }
  return std::nullopt;
}

}  // namespace collector::access
