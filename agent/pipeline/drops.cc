#include "agent/pipeline/drops.h"

namespace agent::pipeline {

void Drops::Add(pgvigil::v1::Stream stream, std::string_view reason, uint64_t items,
                uint64_t bytes) {
  sums_.With([&](auto& sums) {
    Sum& sum = sums[{static_cast<int>(stream), std::string(reason)}];
    sum.items += items;
    sum.bytes += bytes;
  });
}

std::vector<pgvigil::v1::Dropped> Drops::Snapshot() const {
  std::vector<pgvigil::v1::Dropped> out;
  sums_.With([&](const auto& sums) {
    for (const auto& [key, sum] : sums) {
      pgvigil::v1::Dropped& dropped = out.emplace_back();
      dropped.set_stream(static_cast<pgvigil::v1::Stream>(key.first));
      dropped.set_reason(key.second);
      dropped.set_items(sum.items);
      dropped.set_bytes(sum.bytes);
    }
  });
  return out;
}

void Capabilities::Set(std::string_view name, pgvigil::v1::Capability::State state,
                       std::string_view detail, std::string_view remedy) {
  pgvigil::v1::Capability capability;
  capability.set_name(std::string(name));
  capability.set_state(state);
  capability.set_detail(std::string(detail));
  capability.set_remedy(std::string(remedy));
  states_.With([&](auto& states) { states[std::string(name)] = std::move(capability); });
}

std::vector<pgvigil::v1::Capability> Capabilities::Snapshot() const {
  std::vector<pgvigil::v1::Capability> out;
  states_.With([&](const auto& states) {
    for (const auto& [name, capability] : states) out.push_back(capability);
  });
  return out;
}

}  // namespace agent::pipeline
