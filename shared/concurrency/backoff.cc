#include "shared/concurrency/backoff.h"

#include <algorithm>

namespace shared {

std::chrono::milliseconds Backoff::Next() {
  const int doublings = std::min(failures_, 20);
  failures_ += 1;
  const int64_t ceiling = std::min(config_.first.count() << doublings, config_.most.count());
  std::uniform_int_distribution<int64_t> pick(ceiling / 2, ceiling);
  return std::chrono::milliseconds(pick(random_));
}

}  // namespace shared
