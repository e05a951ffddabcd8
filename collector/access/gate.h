#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "collector/access/caller.h"
#include "collector/access/key_ring.h"
#include "collector/access/quotas.h"
#include "shared/base/clock.h"
#include "shared/metrics/registry.h"

namespace collector::access {

// What a request shows before its body is read. Null: no such header.
struct Knock {
  const std::string* authorization = nullptr;
  const std::string* api_key = nullptr;
  // The tenant that it says to be for: a name or a number. Decides nothing; one that is not the
  // key's is refused, so that nobody believes to write to or to read from another.
  const std::string* tenant = nullptr;
  std::string_view address;  // the peer's, without port
  std::string_view what;     // "GET /metrics", for the audit log
};

// Why a request may not come in.
struct Denial {
  int status = 401;         // 401, 403; 429 over a quota; 503 when nobody knows
  std::string_view code;    // of the error document
  std::string_view reason;  // of the counter
  std::string message;      // never with the key
  int retry_after_seconds = -1;
};

enum class KeyRule {
  kOnceThereIsOne,  // while there was never a key, peers on this machine need none
  kAlways,
  kNever,  // every peer is the default tenant with all scopes
};

// Decides who may come in, for what, and whose data he sees. Denials are counted by reason:
// collector_access_denied_total{reason}: missing, malformed, unknown, revoked, expired, network,
// scope, tenant, no_keys (the peer is on another machine and there is no key at all), unread (the
// keys were not read yet), quota (requests or bytes of access::Quotas, told with 429). An unknown
// key and a wrong secret look the same to the peer. Thread-safe; waits for nothing.
class Gate {
 public:
  // `ring`: null with kNever. `quotas`: null: none. Both must outlive the gate.
  Gate(KeyRule rule, KeyRing* ring, const shared::Clock& clock, shared::metrics::Registry& registry,
       Quotas* quotas = nullptr);

  [[nodiscard]] tl::expected<Caller, Denial> Admit(const Knock& knock, Scope scope) const;

 private:
  [[nodiscard]] tl::expected<Caller, Denial> Judge(const Knock& knock, Scope scope) const;
  [[nodiscard]] tl::expected<Caller, Denial> JudgeKeyless(const Knock& knock) const;
  [[nodiscard]] std::optional<Denial> Objection(const KeyRecord& key, const Knock& knock,
                                                Scope scope) const;

  const KeyRule rule_;
  KeyRing* const ring_;
  Quotas* const quotas_;
  const shared::Clock& clock_;
  std::map<std::string_view, shared::metrics::Counter> denied_;  // constant after construction
};

}  // namespace collector::access
