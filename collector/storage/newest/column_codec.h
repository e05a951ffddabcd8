#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// The values of one series over the ticks of a page, in memory only: any column of a page can be
// read without the others, at a few bytes a value. Doubles come back bit for bit.
//
//   column := kind:1 [mask] rest      the mask (a bit a tick, low bits first) when kind has kGaps:
//                                     set where there is a value; the others are stale markers
//   rest   := ""                                     kAbsent: stale markers only
//           | value:8                                kConstant
//           | value:8 each                           kRaw
//           | exponent:1 shift:1 first:8 steps       kSteps + width: integers, scaled and shifted
//           as
//                                     shared/wire/decimal.h scales; each step zig-zag, `width`
//                                     bytes
//
// Numbers are little-endian.
namespace collector::storage::newest {

// Reuses its buffers: one per thread.
class ColumnEncoder {
 public:
  // Appends one column; there must be a value at least.
  void Encode(std::span<const double> values, std::string& out);

 private:
  void EncodePresent(std::span<const double> values, uint8_t gaps, std::string_view mask,
                     std::string& out);
  bool EncodeSteps(std::span<const double> values, uint8_t gaps, std::string_view mask,
                   std::string& out);

  std::vector<double> present_;
  std::vector<uint64_t> integers_;
  std::string mask_;
};

// `values` is as long as what was encoded; `column` what Encode appended.
void DecodeColumn(std::string_view column, std::span<double> values);

}  // namespace collector::storage::newest
