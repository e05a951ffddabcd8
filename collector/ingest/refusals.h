#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pgvigil/v1/batch.pb.h"

namespace collector::ingest {

// Gathers refused parts of one batch by reason, with one example each.
class Refusals {
 public:
  void Add(std::string_view reason, uint64_t items, std::string example) {
    pgvigil::v1::Refusal& refusal = by_reason_[std::string(reason)];
    if (refusal.items() == 0) {
      refusal.set_reason(std::string(reason));
      refusal.set_example(std::move(example));
    }
    refusal.set_items(refusal.items() + items);
  }
  [[nodiscard]] std::vector<pgvigil::v1::Refusal> Take() {
    std::vector<pgvigil::v1::Refusal> out;
    for (auto& [reason, refusal] : by_reason_) out.push_back(std::move(refusal));
    by_reason_.clear();
    return out;
  }

 private:
  std::map<std::string, pgvigil::v1::Refusal> by_reason_;
};

}  // namespace collector::ingest
