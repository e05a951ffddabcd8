#include "collector/storage/rollups/rollup_codec.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "shared/base/check.h"
#include "shared/wire/decimal.h"

namespace collector::storage {
namespace {

namespace format = shared::wire::format;

// Of doubles that are integers; SQL adds them up as doubles.
constexpr int64_t kMostUnits = int64_t{1} << 52;

enum Vector : size_t { kCount, kLast, kMin, kMax, kSum, kIncrease };

// A value of integer units, as reader, SQL and encoder all compute it.
double FromUnits(int64_t units, int16_t scale) {
  if (scale > 0)
    return static_cast<double>(units) / format::kPowersOfTen[static_cast<size_t>(scale)];
  return static_cast<double>(units) * static_cast<double>(int64_t{1} << -scale);
}

int64_t HalfFloor(int64_t value) {
  return value >> 1;
}

// What the other vectors of a slot say of min, max and sum.
struct Expected {
  int64_t min = 0;
  int64_t max = 0;
};
Expected Expect(int64_t last, int64_t previous) {
  return {std::min(last, previous), std::max(last, previous)};
}

template <typename T>
void PutAll(std::span<const int64_t> values, std::vector<T>& pool) {
  for (const int64_t value : values) pool.push_back(static_cast<T>(value));
}

}  // namespace

size_t RollupEncoder::SlotOf(const Bucket& bucket) const {
  return static_cast<size_t>((bucket.start_unix_nano - first_) / step_);
}

void RollupEncoder::Clear(int64_t first_unix_nano) {
  first_ = first_unix_nano;
  row_.ords.clear();
  row_.shapes.clear();
  row_.bases.clear();
  row_.biases.clear();
  row_.bytes.clear();
  row_.smalls.clear();
  row_.lows.clear();
  row_.highs.clear();
  row_.ints.clear();
  row_.longs.clear();
  row_.doubles.clear();
}

void RollupEncoder::Add(int16_t ord, bool counter, std::span<const Bucket> buckets) {
  CHECK(!buckets.empty() && buckets.front().start_unix_nano >= first_ &&
        SlotOf(buckets.back()) < slots_);
  RollupShape shape{};
  RollupBiases biases{};
  int64_t base = 0;
  residuals_.assign(slots_, 0);
  for (const Bucket& bucket : buckets) residuals_[SlotOf(bucket)] = bucket.count;
  PutResiduals(buckets, true, shape[1 + kCount], biases[kCount]);
  if (ToIntegers(buckets, counter, shape[0])) {
    AddIntegers(counter, buckets, shape, biases, base);
  } else {
    AddDoubles(counter, buckets, shape);
  }
  row_.ords.push_back(ord);
  row_.shapes.insert(row_.shapes.end(), shape.begin(), shape.end());
  row_.bases.push_back(base);
  for (const int64_t bias : biases) row_.biases.push_back(static_cast<float>(bias));
}

// False: last, min or max are no integers of any scale.
bool RollupEncoder::ToIntegers(std::span<const Bucket> buckets, bool counter, int16_t& scale) {
  const size_t count = buckets.size();
  values_.clear();
  for (const Bucket& bucket : buckets) {
    values_.insert(values_.end(), {bucket.last, bucket.min, bucket.max});
  }
  for (const Bucket& bucket : buckets) values_.push_back(bucket.sum);
  if (counter) {
    for (const Bucket& bucket : buckets) values_.push_back(bucket.increase);
  }
  units_.resize(values_.size());
  std::optional<unsigned> exponent = format::ScaleToIntegers(values_, units_.data());
  exact_sums_ = exponent.has_value();
  exact_increases_ = exact_sums_ && counter;
  if (!exponent) {
    units_.resize(3 * count);
    exponent = format::ScaleToIntegers(std::span(values_).first(3 * count), units_.data());
    if (!exponent) return false;
  }
  uint64_t bits = 0;
  for (size_t i = 0; i < units_.size(); ++i) {
    const auto units = static_cast<int64_t>(units_[i]);
    if (units > kMostUnits || units < -kMostUnits) {
      if (i < 3 * count) return false;
      (i < 4 * count ? exact_sums_ : exact_increases_) = false;
    }
    bits |= units_[i];
  }
  scale = static_cast<int16_t>(*exponent);
  if (*exponent == 0 && bits != 0) {
    const int shift = std::min(std::countr_zero(bits), 40);
    for (uint64_t& units : units_) {
      units = static_cast<uint64_t>(static_cast<int64_t>(units) >> shift);
    }
    scale = static_cast<int16_t>(-shift);
  }
  return true;
}

void RollupEncoder::AddIntegers(bool counter, std::span<const Bucket> buckets, RollupShape& shape,
                                RollupBiases& biases, int64_t& base) {
  const size_t count = buckets.size();
  const auto unit = [&](size_t i) { return static_cast<int64_t>(units_[i]); };
  const auto last = [&](size_t i) { return unit(3 * i); };
  // Before the first bucket a counter stood where its growth began.
  base = last(0);
  if (exact_increases_) base -= unit(4 * count);
  const auto previous = [&](size_t i) { return i == 0 ? base : last(i - 1); };
  const auto put = [&](Vector vector, bool everywhere, auto residual) {
    residuals_.assign(slots_, 0);
    for (size_t i = 0; i < count; ++i) residuals_[SlotOf(buckets[i])] = residual(i);
    PutResiduals(buckets, everywhere, shape[1 + vector], biases[vector]);
  };
  put(kLast, true, [&](size_t i) { return last(i) - previous(i); });
  put(kMin, false, [&](size_t i) { return unit(3 * i + 1) - Expect(last(i), previous(i)).min; });
  put(kMax, false, [&](size_t i) { return unit(3 * i + 2) - Expect(last(i), previous(i)).max; });
  for (size_t i = 0; i < count && exact_sums_; ++i) {
    int64_t product = 0;
    exact_sums_ =
        !__builtin_mul_overflow(buckets[i].count, unit(3 * i + 1) + unit(3 * i + 2), &product);
  }
  if (exact_sums_) {
    put(kSum, false, [&](size_t i) {
      return unit(3 * count + i) -
             HalfFloor(buckets[i].count * (unit(3 * i + 1) + unit(3 * i + 2)));
    });
  } else {
    PutDoubles<&Bucket::sum>(buckets, shape[1 + kSum]);
  }
  if (!counter) {
    shape[1 + kIncrease] = kRollupAbsent;
  } else if (exact_increases_) {
    put(kIncrease, false, [&](size_t i) { return unit(4 * count + i) - (last(i) - previous(i)); });
  } else {
    PutDoubles<&Bucket::increase>(buckets, shape[1 + kIncrease]);
  }
}

void RollupEncoder::AddDoubles(bool counter, std::span<const Bucket> buckets, RollupShape& shape) {
  PutDoubles<&Bucket::last>(buckets, shape[1 + kLast]);
  PutDoubles<&Bucket::min>(buckets, shape[1 + kMin]);
  PutDoubles<&Bucket::max>(buckets, shape[1 + kMax]);
  PutDoubles<&Bucket::sum>(buckets, shape[1 + kSum]);
  shape[1 + kIncrease] = kRollupAbsent;
  if (counter) PutDoubles<&Bucket::increase>(buckets, shape[1 + kIncrease]);
}

template <double Bucket::*Member>
void RollupEncoder::PutDoubles(std::span<const Bucket> buckets, int16_t& shape) {
  std::vector<double>& pool = row_.doubles;
  const size_t begin = pool.size();
  shape = static_cast<int16_t>(kRollupDoubles + 16 * static_cast<int>(begin / slots_));
  pool.resize(begin + slots_);
  for (const Bucket& bucket : buckets) pool[begin + SlotOf(bucket)] = bucket.*Member;
}

void RollupEncoder::PutResiduals(std::span<const Bucket> buckets, bool everywhere, int16_t& shape,
                                 int64_t& bias) {
  const bool with_empty = everywhere && buckets.size() < slots_;
  int64_t low = with_empty ? 0 : residuals_[SlotOf(buckets[0])];
  int64_t high = low;
  for (const Bucket& bucket : buckets) {
    const int64_t value = residuals_[SlotOf(bucket)];
    low = std::min(low, value);
    high = std::max(high, value);
  }
  // What the vector is stored less: 0 when it fits without, for zeros compress.
  const auto fits = [&](int64_t least, int64_t most) {
    bias = 0;
    if (low >= least && high <= most) return true;
    bias = static_cast<int64_t>(static_cast<float>(low + (high - low) / 2));
    return low - bias >= least && high - bias <= most;
  };
  const auto fits_into = [&]<typename T>(T) {
    return fits(std::numeric_limits<T>::min(), std::numeric_limits<T>::max());
  };
  const auto begin = [&](RollupType type, size_t pool_size) {
    shape = static_cast<int16_t>(type + 16 * static_cast<int>(pool_size / slots_));
    if (bias == 0) return;
    if (everywhere) {
      for (int64_t& value : residuals_) value -= bias;
    } else {
      for (const Bucket& bucket : buckets) residuals_[SlotOf(bucket)] -= bias;
    }
  };
  const std::span<const int64_t> all(residuals_);
  if (low == high && fits(0, 0)) {
    shape = kRollupNothing;
  } else if (fits_into(int8_t{})) {
    begin(kRollupBytes, row_.bytes.size());
    PutAll(all, row_.bytes);
  } else if (fits_into(int16_t{})) {
    begin(kRollupSmalls, row_.smalls.size());
    PutAll(all, row_.smalls);
  } else if (fits(-(int64_t{1} << 23), (int64_t{1} << 23) - 1)) {
    begin(kRollupMids, row_.lows.size());
    for (const int64_t value : all) {
      row_.lows.push_back(static_cast<int16_t>(value & 0xffff));
      row_.highs.push_back(static_cast<int8_t>(value >> 16));
    }
  } else if (fits_into(int32_t{})) {
    begin(kRollupInts, row_.ints.size());
    PutAll(all, row_.ints);
  } else {
    bias = 0;
    begin(kRollupLongs, row_.longs.size());
    PutAll(all, row_.longs);
  }
}

bool DecodeRollup(const RollupMember& member, int64_t first_unix_nano,
                  std::chrono::nanoseconds step, size_t slots, std::vector<Bucket>& out) {
  std::array<std::span<const int64_t>, kRollupVectors> integers;
  std::array<std::span<const double>, kRollupVectors> doubles;
  size_t integers_used = 0;
  size_t doubles_used = 0;
  const int16_t scale = member.shape[0];
  if (scale > static_cast<int>(format::kMaxExponent) || scale < -62) return false;
  for (size_t i = 0; i < kRollupVectors; ++i) {
    const RollupType type = TypeOf(member.shape[1 + i]);
    if (type == kRollupNothing || type == kRollupAbsent) continue;
    if (type == kRollupDoubles) {
      if (member.doubles.size() < doubles_used + slots) return false;
      doubles[i] = std::span(member.doubles).subspan(doubles_used, slots);
      doubles_used += slots;
    } else {
      if (member.integers.size() < integers_used + slots) return false;
      integers[i] = std::span(member.integers).subspan(integers_used, slots);
      integers_used += slots;
    }
  }
  if (integers_used != member.integers.size() || doubles_used != member.doubles.size()) {
    return false;
  }
  // Whatever a damaged row holds, arithmetic on it is defined.
  const auto at = [&](Vector vector, size_t slot) {
    const uint64_t stored =
        integers[vector].empty() ? 0 : static_cast<uint64_t>(integers[vector][slot]);
    return stored + static_cast<uint64_t>(member.biases[vector]);
  };
  const auto value = [&](Vector vector, size_t slot, uint64_t units) {
    return doubles[vector].empty() ? FromUnits(static_cast<int64_t>(units), scale)
                                   : doubles[vector][slot];
  };
  auto previous = static_cast<uint64_t>(member.base);
  for (size_t slot = 0; slot < slots; ++slot) {
    const uint64_t growth = at(kLast, slot);
    const uint64_t last = previous + growth;
    Bucket bucket;
    bucket.count = static_cast<int64_t>(at(kCount, slot));
    if (bucket.count > 0) {
      bucket.start_unix_nano = first_unix_nano + static_cast<int64_t>(slot) * step.count();
      const Expected expected = Expect(static_cast<int64_t>(last), static_cast<int64_t>(previous));
      const uint64_t min = static_cast<uint64_t>(expected.min) + at(kMin, slot);
      const uint64_t max = static_cast<uint64_t>(expected.max) + at(kMax, slot);
      const auto twice = static_cast<int64_t>(static_cast<uint64_t>(bucket.count) * (min + max));
      bucket.last = value(kLast, slot, last);
      bucket.min = value(kMin, slot, min);
      bucket.max = value(kMax, slot, max);
      bucket.sum = value(kSum, slot, static_cast<uint64_t>(HalfFloor(twice)) + at(kSum, slot));
      if (TypeOf(member.shape[1 + kIncrease]) != kRollupAbsent) {
        bucket.increase = value(kIncrease, slot, growth + at(kIncrease, slot));
      }
      out.push_back(bucket);
    }
    previous = last;
  }
  return true;
}

RollupMember MemberOf(const RollupArrays& row, size_t member, size_t slots) {
  RollupMember out;
  std::copy_n(row.shapes.begin() + static_cast<std::ptrdiff_t>(member * out.shape.size()),
              out.shape.size(), out.shape.begin());
  out.base = row.bases[member];
  for (size_t i = 0; i < kRollupVectors; ++i) {
    out.biases[i] = static_cast<int64_t>(row.biases[member * kRollupVectors + i]);
  }
  for (size_t i = 0; i < kRollupVectors; ++i) {
    const int16_t shape = out.shape[1 + i];
    const auto begin = static_cast<std::ptrdiff_t>(static_cast<size_t>(shape >> 4) * slots);
    const auto cut = [&](const auto& pool, auto& to) {
      to.insert(to.end(), pool.begin() + begin,
                pool.begin() + begin + static_cast<std::ptrdiff_t>(slots));
    };
    switch (TypeOf(shape)) {
      case kRollupBytes:
        cut(row.bytes, out.integers);
        break;
      case kRollupSmalls:
        cut(row.smalls, out.integers);
        break;
      case kRollupMids:
        for (size_t slot = 0; slot < slots; ++slot) {
          const size_t at = static_cast<size_t>(begin) + slot;
          out.integers.push_back(row.highs[at] * 65536 + static_cast<uint16_t>(row.lows[at]));
        }
        break;
      case kRollupInts:
        cut(row.ints, out.integers);
        break;
      case kRollupLongs:
        cut(row.longs, out.integers);
        break;
      case kRollupDoubles:
        cut(row.doubles, out.doubles);
        break;
      default:
        break;
    }
  }
  return out;
}

}  // namespace collector::storage
