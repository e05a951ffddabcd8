#include "collector/storage/logs/number_column.h"

#include <algorithm>
#include <bit>

#include "collector/storage/logs/varint.h"

namespace collector::storage {
namespace {

using shared::wire::format::ByteReader;

constexpr uint8_t kDifferences = 128;
constexpr unsigned kWidest = 64;

unsigned WidthOf(uint64_t most) {
  const auto bits = static_cast<unsigned>(std::bit_width(most));
  if (bits <= 2) return bits;
  return bits <= 4 ? 4 : (bits + 7) / 8 * 8;
}

size_t BytesFor(size_t count, unsigned width) {
  return width < 8 ? (count * width + 7) / 8 : count * (width / 8);
}

// `numbers` less the smallest, which counts as signed, so that a step across 0 is a small one.
struct Reduced {
  uint64_t base = 0;
  uint64_t most = 0;
  std::vector<uint64_t> numbers;
};
Reduced Reduce(std::span<const uint64_t> numbers) {
  Reduced out;
  if (numbers.empty()) return out;
  int64_t least = INT64_MAX;
  for (const uint64_t number : numbers) least = std::min(least, static_cast<int64_t>(number));
  out.base = static_cast<uint64_t>(least);
  out.numbers.reserve(numbers.size());
  for (const uint64_t number : numbers) {
    out.numbers.push_back(number - out.base);
    out.most = std::max(out.most, out.numbers.back());
  }
  return out;
}

void PutReduced(const Reduced& reduced, uint8_t form, uint64_t first, SectionBytes& out) {
  const unsigned width = WidthOf(reduced.most);
  out.bytes.push_back(static_cast<char>(form | width));
  if (form == kDifferences) PutVarint(first, out.bytes);
  PutDifference(reduced.base, 0, out.bytes);
  if (width == 0) return;
  std::string column(BytesFor(reduced.numbers.size(), std::min(width, 8U)), '\0');
  if (width < 8) {
    for (size_t i = 0; i < reduced.numbers.size(); ++i) {
      char& byte = column[i * width / 8];
      byte =
          static_cast<char>(static_cast<uint8_t>(byte) | (reduced.numbers[i] << (i * width % 8)));
    }
    out.AddColumn(column);
    return;
  }
  for (unsigned shift = 0; shift < width; shift += 8) {
    for (size_t i = 0; i < reduced.numbers.size(); ++i) {
      column[i] = static_cast<char>(reduced.numbers[i] >> shift);
    }
    out.AddColumn(column);
  }
}

}  // namespace

void PutNumbers(std::span<const uint64_t> numbers, SectionBytes& out) {
  if (numbers.empty()) return;
  const Reduced plain = Reduce(numbers);
  std::vector<uint64_t> steps;
  steps.reserve(numbers.size());
  for (size_t i = 1; i < numbers.size(); ++i) steps.push_back(numbers[i] - numbers[i - 1]);
  const Reduced stepwise = Reduce(steps);
  if (stepwise.most > plain.most) return PutReduced(plain, 0, 0, out);
  SectionBytes as_numbers, as_differences;
  PutReduced(plain, 0, 0, as_numbers);
  PutReduced(stepwise, kDifferences, numbers.front(), as_differences);
  out.Append(as_differences.cost() < as_numbers.cost() ? as_differences : as_numbers);
}

void NumberColumn::Take(ByteReader& in, size_t count) {
  *this = NumberColumn();
  if (count == 0) return;
  const uint8_t head = in.TakeByte();
  differences_ = (head & kDifferences) != 0;
  width_ = head % kDifferences;
  const bool packed = width_ <= 2 || width_ == 4;
  const bool known = packed || (width_ % 8 == 0 && width_ <= kWidest);
  if (!known) {
    in.Fail();
    return;
  }
  if (differences_) first_ = in.TakeVarint();
  base_ = TakeDifference(in, 0);
  const size_t follow = differences_ ? count - 1 : count;
  const size_t bytes = BytesFor(follow, width_);
  bytes_ = in.TakeBytes(bytes);
  if (!in.failed()) count_ = count;
}

void NumberColumn::Read(std::vector<uint64_t>& out) const {
  out.assign(count_, base_);
  if (count_ == 0) return;
  const size_t skip = differences_ ? 1 : 0;
  const size_t follow = count_ - skip;
  uint64_t* const to = out.data() + skip;
  if (width_ > 0 && width_ < 8) {
    const uint64_t mask = (uint64_t{1} << width_) - 1;
    for (size_t i = 0; i < follow; ++i) {
      to[i] += (uint64_t{bytes_[i * width_ / 8]} >> (i * width_ % 8)) & mask;
    }
  }
  for (unsigned plane = 0; plane < width_ / 8; ++plane) {
    const uint8_t* const from = bytes_ + plane * follow;
    for (size_t i = 0; i < follow; ++i) to[i] += uint64_t{from[i]} << (8 * plane);
  }
  if (!differences_) return;
  out[0] = first_;
  for (size_t i = 1; i < count_; ++i) out[i] += out[i - 1];
}

std::vector<uint64_t> TakeNumbers(ByteReader& in, size_t count) {
  NumberColumn column;
  column.Take(in, count);
  std::vector<uint64_t> out;
  column.Read(out);
  return out;
}

}  // namespace collector::storage
