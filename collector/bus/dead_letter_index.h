#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "collector/bus/record_store.h"
#include "shared/base/clock.h"
#include "shared/base/result.h"

namespace collector::bus {

// A record that could not be stored.
struct DeadLetter {
  int64_t id = 0;
  std::string topic;  // where it came from
  int32_t partition = 0;
  int64_t offset = 0;
  std::string reason;
  std::string message;
  std::optional<int32_t> tenant;
  std::string agent;  // UUID, or empty
  int64_t size_bytes = 0;
  Grave grave;
  shared::WallTime at;
  std::optional<shared::WallTime> replayed_at;
};

struct DeadLetterFilter {
  std::string reason{};  // "": any
  int64_t after_id = 0;  // to page on
  size_t limit = 100;
  bool waiting_only = true;  // not those that were replayed
};

// The list of dead letters, which PostgreSQL keeps.
class DeadLetterIndex {
 public:
  virtual ~DeadLetterIndex() = default;
  // Oldest first.
  virtual shared::Result<std::vector<DeadLetter>> List(const DeadLetterFilter& filter) = 0;
  virtual shared::Result<void> MarkReplayed(int64_t id) = 0;
};

}  // namespace collector::bus
