#pragma once

#include <cstdint>

namespace collector::storage {

// What a value is for rollups: NaNs are one NaN, and -0 is 0.
double Canonical(double value);

// Adds doubles up. Decimal fractions (of at most nine places, as most metrics are) are added as
// integers, so that 0.1 + 0.2 is 0.3 and a sum of sums is the sum; where some value is none, or the
// sum is too large, the rest of each addition is kept and added at the end (Neumaier).
class ExactSum {
 public:
  void Add(double value);
  // Canonical.
  [[nodiscard]] double Value() const;

 private:
  void AddUnits(double value);

  bool exact_ = true;
  unsigned exponent_ = 0;
  int64_t units_ = 0;  // the sum is units_ / 10^exponent_, while exact_
  double sum_ = 0;
  double rest_ = 0;
};

}  // namespace collector::storage
