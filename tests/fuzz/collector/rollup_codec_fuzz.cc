// Some samples over eight slots: buckets of them must come back bit for bit. And a
// member as a damaged row may have it: decoding must not crash, whatever the vectors say.

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "collector/storage/rollups/rollup_codec.h"

namespace {

using namespace std::chrono_literals;
using collector::storage::Bucket;

constexpr size_t kSlots = 8;
constexpr int64_t kStep = std::chrono::nanoseconds(5min).count();

void CheckRoundTrip(const uint8_t* bytes, size_t size) {
  std::vector<collector::api::SampleRow> samples;
  for (size_t i = 0; i + 9 <= size && samples.size() < 64; i += 9) {
    double value = 0;
    std::memcpy(&value, bytes + i + 1, sizeof value);
    const int64_t last = samples.empty() ? 0 : samples.back().time_unix_nano;
    samples.push_back({last + 1 + bytes[i] * (kStep / 64), value});
  }
  std::vector<Bucket> buckets;
  collector::storage::MakeBuckets(
      samples, {shared::FromUnixNanos(0), shared::FromUnixNanos(kSlots * kStep)}, 5min, buckets);
  if (buckets.empty()) return;
  collector::storage::RollupEncoder encoder(0, 5min, kSlots);
  encoder.Add(0, true, buckets);
  std::vector<Bucket> back;
  const auto member = collector::storage::MemberOf(encoder.row(), 0, kSlots);
  if (!collector::storage::DecodeRollup(member, 0, 5min, kSlots, back)) std::abort();
  if (!std::equal(back.begin(), back.end(), buckets.begin(), buckets.end(),
                  collector::storage::SameBucket)) {
    std::abort();
  }
}

void DecodeAnything(const uint8_t* bytes, size_t size) {
  collector::storage::RollupMember member;
  size_t used = 0;
  const auto take = [&](auto& to) {
    if (used + sizeof to > size) return false;
    std::memcpy(&to, bytes + used, sizeof to);
    used += sizeof to;
    return true;
  };
  for (int16_t& one : member.shape) {
    if (!take(one)) return;
  }
  for (int64_t& one : member.biases) {
    if (!take(one)) return;
  }
  uint8_t doubles = 0;
  if (!take(doubles)) return;
  member.doubles.resize(doubles % 64);
  for (int64_t value = 0; take(value);) member.integers.push_back(value);
  std::vector<Bucket> out;
  (void)collector::storage::DecodeRollup(member, 0, 5min, kSlots, out);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  CheckRoundTrip(bytes, size);
  DecodeAnything(bytes, size);
  return 0;
}
