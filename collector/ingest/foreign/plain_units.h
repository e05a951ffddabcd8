#pragma once

#include <string>
#include <string_view>

namespace collector::ingest::foreign {

// A unit as people write it, in UCUM (shared/model/layout.h), and what a value must be multiplied
// by: units of time become "s", of data "By", of fractions "1".
//   "ms" → {"s", 0.001}   "MB" → {"By", 1e6}   "KiB/s" → {"By/s", 1024}   "%" → {"1", 0.01}
struct PlainUnit {
  std::string name;
  double factor = 1;
};

// Not case-sensitive where no two units differ by case only. "kB" and "KB" are 1000 bytes, "KiB"
// is 1024, a bit stays a bit. A unit that is not in the table stays as it is.
PlainUnit ToBaseUnit(std::string_view unit);

}  // namespace collector::ingest::foreign
