#include "shared/concurrency/pulse.h"

namespace shared {

Result<void> Pulse::Check(MonotonicTime now) const {
  const MonotonicTime last{MonotonicTime::duration(last_.load(std::memory_order_relaxed))};
  if (now - last <= longest_pause_) return {};
  return Fail(ErrorCode::kTimeout, "thread {} has not turned for {} s", thread_name_,
              std::chrono::floor<std::chrono::seconds>(now - last).count());
}

}  // namespace shared
