#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <span>

#include "shared/wire/block_format.h"

// Doubles that are decimal fractions, as integers: 12.34 is 1234 / 10^2. Only such as come back bit
// for bit by the decoder's one operation, double(integer) / 10^exponent.
namespace shared::wire::format {

// One value as an integer (exponent 0); false: does not fit.
inline bool ToInteger(double value, uint64_t& out) {
  constexpr double kEnd = 9223372036854775808.0;         // 2^63
  const bool in_range = value >= -kEnd && value < kEnd;  // false for NaN
  const int64_t integer = static_cast<int64_t>(in_range ? value : 0.5);
  out = static_cast<uint64_t>(integer);
  return std::bit_cast<uint64_t>(static_cast<double>(integer)) == std::bit_cast<uint64_t>(value);
}

// Likewise under another exponent, whose power of ten is `power`.
inline bool ToScaledInteger(double value, double power, uint64_t& out) {
  // Adding and taking away 1.5 * 2^52 rounds to the nearest integer while |value| < 2^51.
  constexpr double kRound = 6755399441055744.0;
  constexpr double kEnd = 2251799813685248.0;  // 2^51
  const double scaled = value * power;
  const bool in_range = scaled > -kEnd && scaled < kEnd;
  const double rounded = ((in_range ? scaled : 0.0) + kRound) - kRound;
  out = static_cast<uint64_t>(static_cast<int64_t>(rounded));
  // -0.0 rounds to -0.0 here but comes back as 0.0, which the sign of the integer's double shows.
  const double back = static_cast<double>(static_cast<int64_t>(rounded)) / power;
  return in_range && std::bit_cast<uint64_t>(back) == std::bit_cast<uint64_t>(value);
}

// The integers of `values` under the smallest exponent that fits them all, written to `out` (as
// many as there are values). nullopt: none fits, because a value is no such fraction, is NaN,
// infinite, -0.0, or too large (2^63 for exponent 0, 2^51 after scaling for the others).
inline std::optional<unsigned> ScaleToIntegers(std::span<const double> values, uint64_t* out) {
  const size_t count = values.size();
  if (ToInteger(values[0], out[0])) {
    bool fits = true;
    for (size_t i = 1; i < count; ++i) fits = fits & ToInteger(values[i], out[i]);
    if (fits) return 0;
  }
  size_t hard = 0;  // a value that the last exponent did not fit: the first to ask the next one
  for (unsigned exponent = 1; exponent <= kMaxExponent; ++exponent) {
    const double power = kPowersOfTen[exponent];
    if (!ToScaledInteger(values[hard], power, out[hard])) continue;
    size_t i = 0;
    while (i < count && ToScaledInteger(values[i], power, out[i])) ++i;
    if (i == count) return exponent;
    hard = i;
  }
  return std::nullopt;
}

}  // namespace shared::wire::format
