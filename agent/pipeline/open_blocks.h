#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "agent/pipeline/telemetry.h"
#include "shared/model/block.h"
#include "shared/model/layout.h"

namespace agent::pipeline {

// Gathers rounds into blocks, one for each layout, until they are taken. One thread.
class OpenBlocks {
 public:
  enum class Added {
    kYes,
    kRepeated,   // its layout has a round of that very time
    kTooLarge,   // more than 20000 series
    kMalformed,  // values and series differ in number
  };

  Added Add(const MetricRound& round);
  // Calls `take` for each block, in the order in which they began, and forgets them. The block is
  // valid during the call.
  void Take(
      const std::function<void(const shared::model::Layout&, const shared::model::Block&)>& take);

  [[nodiscard]] bool empty() const { return open_.empty(); }
  [[nodiscard]] uint64_t samples() const { return samples_; }
  [[nodiscard]] size_t bytes() const { return samples_ * sizeof(double); }

 private:
  struct Open {
    std::shared_ptr<const shared::model::Layout> layout;
    std::vector<int64_t> times;
    std::vector<double> values;  // round after round
  };

  std::vector<Open> open_;  // few: one a source, more when the clock stepped back
  uint64_t samples_ = 0;
  shared::model::Block block_;  // reused
};

}  // namespace agent::pipeline
