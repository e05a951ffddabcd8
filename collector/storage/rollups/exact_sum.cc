#include "collector/storage/rollups/exact_sum.h"

#include <cmath>
#include <limits>

#include "shared/wire/decimal.h"

namespace collector::storage {
namespace {

namespace format = shared::wire::format;

constexpr int64_t kExactDoubles = int64_t{1} << 53;

bool ToUnits(double value, unsigned exponent, int64_t& out) {
  uint64_t bits = 0;
  const bool fits = exponent == 0
                        ? format::ToInteger(value, bits)
                        : format::ToScaledInteger(value, format::kPowersOfTen[exponent], bits);
  out = static_cast<int64_t>(bits);
  return fits;
}

}  // namespace

double Canonical(double value) {
  return std::isnan(value) ? std::numeric_limits<double>::quiet_NaN() : value + 0.0;
}

void ExactSum::Add(double value) {
  value = Canonical(value);
  const double next = sum_ + value;
  rest_ += std::abs(sum_) >= std::abs(value) ? (sum_ - next) + value : (value - next) + sum_;
  sum_ = next;
  if (exact_) AddUnits(value);
}

void ExactSum::AddUnits(double value) {
  unsigned exponent = exponent_;
  int64_t units = 0;
  while (!ToUnits(value, exponent, units)) {
    exact_ = ++exponent <= format::kMaxExponent;
    if (!exact_) return;
  }
  for (; exponent_ < exponent; ++exponent_) {
    exact_ = exact_ && !__builtin_mul_overflow(units_, int64_t{10}, &units_);
  }
  exact_ = exact_ && !__builtin_add_overflow(units_, units, &units_);
}

double ExactSum::Value() const {
  if (exact_ && units_ <= kExactDoubles && units_ >= -kExactDoubles) {
    return static_cast<double>(units_) / format::kPowersOfTen[exponent_];
  }
  return Canonical(std::isfinite(sum_) ? sum_ + rest_ : sum_);
}

}  // namespace collector::storage
