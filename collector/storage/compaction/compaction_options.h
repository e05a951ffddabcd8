#pragma once

#include <chrono>

namespace collector::storage {

struct CompactionOptions {
  // A window is compacted when it closed so long ago: what comes later costs a second time.
  std::chrono::seconds lateness{60};
  // How often windows that just closed are looked for, and how often all blocks: late ones.
  std::chrono::seconds look_interval{20};
  std::chrono::seconds look_at_all_interval{300};
  std::chrono::milliseconds budget{2000};  // of one Run, looked at between transactions
};

}  // namespace collector::storage
