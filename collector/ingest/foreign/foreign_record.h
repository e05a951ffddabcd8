#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shared/base/clock.h"

namespace collector::ingest::foreign {

// A record as it came. The views must outlive the call.
struct ForeignRecord {
  std::string_view value;
  std::string_view topic;
  int32_t partition = 0;
  int64_t offset = 0;
  // Of the topic: larger after it was deleted and made again, when offsets begin anew. Not 0.
  uint64_t incarnation = 1;
  shared::WallTime timestamp{};  // the record's own; what has no time of its own gets it
};

}  // namespace collector::ingest::foreign
