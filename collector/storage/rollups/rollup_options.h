#pragma once

#include <chrono>

namespace collector::storage {

struct RollupOptions {
  // A day's rollups are made when it ended so long ago: compaction is through with it by then, and
  // what comes later costs a second time.
  std::chrono::minutes settle{20};
  std::chrono::seconds look_interval{60};
  std::chrono::milliseconds budget{2000};  // of one Run, looked at between transactions
};

}  // namespace collector::storage
