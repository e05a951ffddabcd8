#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "collector/storage/rollups/bucket.h"

// The rows of pgvigil.rollup_5m and pgvigil.rollup_1h: the buckets of a family's series over a day,
// as arrays that SQL can read (pgvigil.rollup_buckets, migration 0014, says the same in SQL). Pure.
//
// A row has `slots` buckets for each of its members, the series that have a sample that day. A
// member is six vectors of `slots` elements: count, last, min, max, sum, increase. Numbers become
// integers: value = integer / 10^scale, or integer * 2^-scale when scale is negative. What a vector
// holds is what cannot be told from the others, so that most of it is 0 or small (slot by slot, L
// is last, P the one before, at first `base`):
//
//   count     count
//   last      L - P; 0 in a slot without samples
//   min       min - least(L, P)
//   max       max - greatest(L, P): 0 of a counter
//   sum       sum - floor(count * (min + max) / 2)
//   increase  increase - (L - P): 0 unless the counter began anew
//
// each less the vector's bias. What then is all 0 is not stored; the others are in the row's pool
// of the narrowest type that holds them: bytes, smalls (16 bits), mids (24 bits: pools `lows` and
// `highs`, high * 65536 + the low one without a sign), ints, longs. Vectors that are no such
// integers are doubles as they are, in pool `doubles`.
namespace collector::storage {

inline constexpr size_t kRollupVectors = 6;

// Of one member, as it stands in a row: scale, then for each vector type + 16 * place, where place
// counts the vectors of that type in the row's pool.
using RollupShape = std::array<int16_t, kRollupVectors + 1>;
// By vector; each is an integer that a float4 holds.
using RollupBiases = std::array<int64_t, kRollupVectors>;

enum RollupType : int16_t {
  kRollupNothing = 0,  // the bias alone
  kRollupBytes = 1,
  kRollupSmalls = 2,
  kRollupMids = 3,
  kRollupInts = 4,
  kRollupLongs = 8,
  kRollupDoubles = 9,
  kRollupAbsent = 15,  // the increase of what is no counter
};
inline RollupType TypeOf(int16_t shape) {
  return static_cast<RollupType>(shape & 15);
}

struct RollupArrays {
  std::vector<int16_t> ords;    // place of each member in family.series_ids, ascending
  std::vector<int16_t> shapes;  // RollupShape of each
  std::vector<int64_t> bases;   // of each, in units
  std::vector<float> biases;    // RollupBiases of each
  std::vector<int8_t> bytes;
  std::vector<int16_t> smalls;
  std::vector<int16_t> lows;
  std::vector<int8_t> highs;
  std::vector<int32_t> ints;
  std::vector<int64_t> longs;
  std::vector<double> doubles;
};

// Makes one row, member by member. One per thread: it reuses its buffers.
class RollupEncoder {
 public:
  RollupEncoder(int64_t first_unix_nano, std::chrono::nanoseconds step, size_t slots)
      : first_(first_unix_nano), step_(step.count()), slots_(slots) {}

  // `buckets` ascend, are not empty and lie in the row's slots (CHECK). `counter`: increases are
  // stored.
  void Add(int16_t ord, bool counter, std::span<const Bucket> buckets);
  [[nodiscard]] const RollupArrays& row() const { return row_; }
  // For the next row.
  void Clear(int64_t first_unix_nano);

 private:
  bool ToIntegers(std::span<const Bucket> buckets, bool counter, int16_t& scale);
  void AddIntegers(bool counter, std::span<const Bucket> buckets, RollupShape& shape,
                   RollupBiases& biases, int64_t& base);
  void AddDoubles(bool counter, std::span<const Bucket> buckets, RollupShape& shape);
  [[nodiscard]] size_t SlotOf(const Bucket& bucket) const;
  // Of residuals_; empty slots are 0 and stay so unless `everywhere`.
  void PutResiduals(std::span<const Bucket> buckets, bool everywhere, int16_t& shape,
                    int64_t& bias);
  template <double Bucket::*Member>
  void PutDoubles(std::span<const Bucket> buckets, int16_t& shape);

  int64_t first_;
  int64_t step_;
  size_t slots_;
  RollupArrays row_;
  std::vector<int64_t> residuals_;
  std::vector<double> values_;
  std::vector<uint64_t> units_;  // last, min, max of each bucket; then sums; then increases
  bool exact_sums_ = false;
  bool exact_increases_ = false;
};

// One member of a row, as it comes from the server: its vectors are cut out of the pools there.
struct RollupMember {
  RollupShape shape{};
  int64_t base = 0;
  RollupBiases biases{};
  std::vector<int64_t> integers;  // those that are stored as such, one after the other
  std::vector<double> doubles;    // likewise
};

// Appends the member's buckets. false: the arrays do not fit to each other.
bool DecodeRollup(const RollupMember& member, int64_t first_unix_nano,
                  std::chrono::nanoseconds step, size_t slots, std::vector<Bucket>& out);

// Cuts one member out of a row that is at hand, as the server does.
RollupMember MemberOf(const RollupArrays& row, size_t member, size_t slots);

}  // namespace collector::storage
