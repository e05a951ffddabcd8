#include "collector/bus/layout_memory.h"

#include <utility>

namespace collector::bus {
namespace {

// A parsed layout takes about three times its encoded size: a string object for each name and
// value.
constexpr size_t kParsedFactor = 3;
// The entry itself, in both indexes.
constexpr size_t kEntryBytes = 400;

// Up to a fifth of the lifetime, the same for a layout each time.
std::chrono::milliseconds EarlyBy(std::chrono::seconds lifetime, std::string_view hash) {
  const auto byte = hash.empty() ? 0 : static_cast<unsigned char>(hash.back());
  return std::chrono::milliseconds(lifetime) / 5 * byte / 255;
}

}  // namespace

void LayoutMemory::State::Erase(std::list<Entry>::iterator entry) {
  bytes -= entry->bytes;
  by_key.erase(entry->key);
  entries.erase(entry);
}

LayoutMemory::Layout LayoutMemory::Find(access::TenantId tenant, std::string_view agent_id,
                                        std::string_view hash) {
  const Key key(tenant.value, agent_id, hash);
  const shared::MonotonicTime now = clock_.Monotonic();
  return state_.With([&](State& state) -> Layout {
    const auto found = state.by_key.find(key);
    if (found == state.by_key.end()) return nullptr;
    const auto entry = found->second;
    if (entry->forget_at <= now) {
      state.Erase(entry);
      return nullptr;
    }
    state.entries.splice(state.entries.begin(), state.entries, entry);
    return entry->layout;
  });
}

void LayoutMemory::Remember(access::TenantId tenant, std::string_view agent_id, Layout layout) {
  Entry entry;
  entry.key = Key(tenant.value, agent_id, layout->hash());
  entry.bytes = kEntryBytes;
  if (options_.keep_content) {
    entry.bytes += layout->ByteSizeLong() * kParsedFactor;
    entry.layout = std::move(layout);
  } else {
    auto known = std::make_shared<pgvigil::v1::Layout>();
    known->set_hash(layout->hash());
    entry.layout = std::move(known);
  }
  entry.forget_at =
      clock_.Monotonic() + options_.lifetime - EarlyBy(options_.lifetime, std::get<2>(entry.key));
  state_.With([&](State& state) {
    if (const auto found = state.by_key.find(entry.key); found != state.by_key.end()) {
      state.Erase(found->second);
    }
    state.bytes += entry.bytes;
    state.entries.push_front(std::move(entry));
    state.by_key.emplace(state.entries.front().key, state.entries.begin());
    while (state.bytes > options_.bytes && state.entries.size() > 1) {
      state.Erase(std::prev(state.entries.end()));
    }
  });
}

size_t LayoutMemory::bytes() const {
  return state_.With([](const State& state) { return state.bytes; });
}

}  // namespace collector::bus
