#include "collector/access/key_ring.h"

#include <utility>
#include <vector>

#include "shared/concurrency/thread_name.h"

namespace collector::access {
namespace {

using shared::ErrorCode;
using shared::Fail;
using shared::Result;

constexpr std::chrono::seconds kDenialPause{60};
constexpr size_t kMostDenied = 1'000;  // keys of which denials are remembered

}  // namespace

KeyRing::KeyRing(KeySource& source, const shared::Clock& clock, shared::metrics::Registry& registry,
                 KeyRingOptions options, std::function<void()> on_look)
    : source_(source),
      clock_(clock),
      options_(options),
      on_look_(std::move(on_look)),
      keys_(registry.AddGauge("collector_access_keys",
                              "API keys that are neither revoked nor "
                              "expired")),
      read_at_(registry.AddGauge("collector_access_keys_read_timestamp_seconds",
                                 "When the API keys were last known to be up to date")),
      failures_(registry.AddCounter("collector_access_keys_read_failures_total",
                                    "How often API keys could not be read")),
      ticker_(options.poll_interval, options.poll_interval) {  // the first look is at once
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

void KeyRing::Stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

std::shared_ptr<const KeysById> KeyRing::Keys() const {
  return state_.With([](const State& state) { return state.keys; });
}

bool KeyRing::HasKeys() const {
  return state_.With([](const State& state) { return state.had_keys; });
}

Result<void> KeyRing::Ready() const {
  return state_.With([](const State& state) -> Result<void> {
    if (state.keys) return {};
    return Fail(ErrorCode::kUnavailable, "API keys were not read: {}", state.problem);
  });
}

void KeyRing::NoteUse(const std::string& key_id) {
  const shared::WallTime now = clock_.Now();
  state_.With([&](State& state) { state.used[key_id] = now; });
}

void KeyRing::NoteDenied(const KeyRecord& key, std::string what) {
  state_.With([&](State& state) {
    if (state.denied.size() >= kMostDenied && !state.denied.contains(key.id)) return;
    Denials& denials = state.denied[key.id];
    denials.count += 1;
    denials.last = {"key " + key.id, "admin_denied", std::move(what), key.tenant, ""};
  });
}

void KeyRing::Run(const std::stop_token& stop) {
  shared::SetThreadName("keys");
  do {
    Look();
  } while (ticker_.Wait(stop));
  const std::lock_guard lock(look_mutex_);
  (void)WriteUses();  // PostgreSQL may be gone by now: then they are lost, which does no harm
}

void KeyRing::Look() {
  const std::lock_guard lock(look_mutex_);
  Result<void> looked = Refresh();
  if (looked && clock_.Monotonic() >= next_uses_) {
    next_uses_ = clock_.Monotonic() + options_.use_interval;
    looked = WriteUses();
  }
  if (looked) looked = WriteDenials();
  if (looked) {
    if (on_look_) on_look_();
    return;
  }
  failures_.Increment();
  const bool known = state_.With([&](State& state) {
    state.problem = looked.error().message;
    return state.keys != nullptr;
  });
  if (warn_limit_.Allow()) {
    shared::log::Warn(
        "API keys: {}; {}", looked.error().message,
        known ? "those that are known go on being used" : "nobody is let in until they are read");
  }
}

Result<void> KeyRing::Refresh() {
  Result<std::optional<KeyList>> list = source_.Read(version_);
  if (!list) {
    version_.reset();  // it may be another server that answers next
    return tl::make_unexpected(std::move(list).error());
  }
  const shared::WallTime now = clock_.Now();
  if (*list) {
    auto keys = std::make_shared<KeysById>();
    for (KeyRecord& key : (*list)->keys) {
      std::string id = key.id;
      keys->emplace(std::move(id), std::move(key));
    }
    version_ = (*list)->version;
    state_.With([&](State& state) {
      state.had_keys = state.had_keys || !keys->empty();
      state.keys = std::move(keys);
    });
  }
  size_t good = 0;
  const auto known = Keys();
  for (const auto& [id, key] : *known) {
    if (!key.revoked_at && (!key.expires_at || *key.expires_at > now)) good += 1;
  }
  keys_.Set(static_cast<double>(good));
  read_at_.Set(static_cast<double>(shared::ToUnixNanos(now)) / 1e9);
  return {};
}

Result<void> KeyRing::WriteUses() {
  auto used = state_.With([](State& state) { return std::exchange(state.used, {}); });
  if (used.empty()) return {};
  Result<void> written = source_.RecordUses(used);
  if (!written) {
    state_.With([&](State& state) { state.used.merge(used); });  // newer ones stay
  }
  return written;
}

Result<void> KeyRing::WriteDenials() {
  const shared::MonotonicTime now = clock_.Monotonic();
  const auto entries = state_.With([&](State& state) {
    std::vector<AuditEntry> due;
    for (auto one = state.denied.begin(); one != state.denied.end();) {
      Denials& denials = one->second;
      if (now < denials.next) {
        ++one;
      } else if (denials.count == 0) {
        one = state.denied.erase(one);
      } else {
        denials.last.detail = fmt::format("{} times", std::exchange(denials.count, 0));
        denials.next = now + kDenialPause;
        due.push_back(denials.last);
        ++one;
      }
    }
    return due;
  });
  return entries.empty() ? Result<void>() : source_.RecordAudit(entries);
}

}  // namespace collector::access
