// The writing half of block_codec.h, which tells the format.
#include "shared/wire/block_codec.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>
#include <vector>

#include "shared/base/check.h"
#include "shared/wire/block_format.h"
#include "shared/wire/checksum.h"
#include "shared/wire/decimal.h"
#include "shared/wire/zstd.h"

namespace shared::wire {
namespace {

using format::Code;
using format::Kind;

// Bodies below this are stored: a zstd frame costs more than it saves.
constexpr size_t kSmallestCompressed = 64;
// Common trailing zero bits are shifted out from here on; fewer save less than the shift's byte.
constexpr int kSmallestShift = 8;

uint64_t Bits(double value) {
  return std::bit_cast<uint64_t>(value);
}

// One of the body's streams: memory that is reserved for the worst case, then filled by pointer.
class Stream {
 public:
  void Clear(size_t worst_bytes) {
    if (bytes_.size() < worst_bytes) bytes_.resize(worst_bytes);
    end_ = bytes_.data();
  }
  uint8_t* end() { return end_; }
  void SetEnd(uint8_t* end) { end_ = end; }
  void PutByte(uint8_t byte) { *end_++ = byte; }
  void PutVarint(uint64_t value) { end_ = format::PutVarint(end_, value); }
  // The low `count` bytes of `bits`, little-endian; writes 8, keeps `count`.
  void PutLow(uint64_t bits, unsigned count) {
    std::memcpy(end_, &bits, sizeof bits);
    end_ += count;
  }
  [[nodiscard]] std::string_view view() const {
    return {reinterpret_cast<const char*>(bytes_.data()), size()};
  }
  [[nodiscard]] size_t size() const { return static_cast<size_t>(end_ - bytes_.data()); }

 private:
  std::vector<uint8_t> bytes_;
  uint8_t* end_ = nullptr;
};

// How a series' steps are written.
struct Steps {
  Kind kind = Kind::kDelta;
  unsigned width = 0;  // as in the shape byte
};

void AppendVarint(size_t value, std::string& out) {
  uint8_t bytes[format::kMaxVarintBytes];
  const uint8_t* end = format::PutVarint(bytes, value);
  out.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(end - bytes));
}

}  // namespace

struct BlockEncoder::Scratch {
  Stream times;
  std::vector<int64_t> encoded_times;  // what `times` says
  Stream codes;
  Stream shifts;
  Stream masks;
  Stream raw_high;
  Stream shapes;
  Stream steps;
  Stream tail;
  std::vector<double> present;
  std::vector<uint64_t> integers;
  std::vector<uint64_t> deltas;        // zig-zag; [0] is not used
  std::vector<uint64_t> delta_deltas;  // likewise
  std::string body;
  Compressor compressor = Compressor::ForSmallNumbers();

  void Prepare(size_t series, size_t ticks);
  void EncodeTimes(std::span<const int64_t> times);
  void EncodeSeries(std::span<const double> values);
  void EncodeWithGaps(std::span<const double> values);
  void PutFirst(uint64_t integer, unsigned step_width);
  void EncodeConstant(double value, bool gaps);
  void EncodeChanging(std::span<const double> values, bool gaps);
  void EncodeRaw(std::span<const double> values, Kind kind, bool gaps);
  Steps ChooseSteps(size_t count, uint64_t any_delta);
  void PutSteps(const Steps& chosen, size_t count);
  void JoinBody();
};

void BlockEncoder::Scratch::Prepare(size_t series, size_t ticks) {
  const size_t values = series * ticks;
  codes.Clear(series);
  shifts.Clear(series);
  masks.Clear(series * ((ticks + 7) / 8));
  raw_high.Clear(values * format::kRawHighBytes + sizeof(uint64_t));
  shapes.Clear(series);
  steps.Clear(values * format::kMaxVarintBytes);
  tail.Clear((series + values) * sizeof(uint64_t));
  if (present.size() < ticks) {
    present.resize(ticks);
    integers.resize(ticks);
    deltas.resize(ticks);
    delta_deltas.resize(ticks);
  }
}

void BlockEncoder::Scratch::EncodeTimes(std::span<const int64_t> instants) {
  // Blocks of the same ticks often follow each other: the families of a host, when it is compacted.
  if (std::equal(instants.begin(), instants.end(), encoded_times.begin(), encoded_times.end())) {
    return;
  }
  encoded_times.assign(instants.begin(), instants.end());
  times.Clear((instants.size() + 1) * format::kMaxVarintBytes);
  size_t unit = format::kTimeUnits.size() - 1;
  for (const int64_t time : instants) {
    while (time % format::kTimeUnits[unit] != 0) --unit;
  }
  times.PutByte(static_cast<uint8_t>(unit));
  uint64_t last = 0;
  uint64_t last_step = 0;
  for (size_t i = 0; i < instants.size(); ++i) {
    CHECK(i == 0 || instants[i] > instants[i - 1]);
    const auto time = static_cast<uint64_t>(instants[i] / format::kTimeUnits[unit]);
    const uint64_t step = time - last;
    times.PutVarint(format::ZigZag(step - last_step));
    last = time;
    last_step = i == 0 ? 0 : step;  // the first is no step
  }
}

void BlockEncoder::Scratch::EncodeSeries(std::span<const double> values) {
  const uint64_t first = Bits(values[0]);
  uint64_t different = 0;
  bool stale = false;
  for (const double value : values) {
    different |= Bits(value) ^ first;
    stale = stale | (Bits(value) == model::kStaleBits);
  }
  if (stale) {
    EncodeWithGaps(values);
  } else if (different == 0) {
    EncodeConstant(values[0], false);
  } else {
    EncodeChanging(values, false);
  }
}

void BlockEncoder::Scratch::EncodeWithGaps(std::span<const double> values) {
  size_t count = 0;
  uint64_t different = 0;
  uint8_t* mask = masks.end();
  uint8_t* const mask_end = mask + (values.size() + 7) / 8;
  std::fill(mask, mask_end, uint8_t{0});
  for (size_t i = 0; i < values.size(); ++i) {
    if (Bits(values[i]) == model::kStaleBits) continue;
    mask[i / 8] = static_cast<uint8_t>(mask[i / 8] | (1u << i % 8));
    present[count++] = values[i];
    different |= Bits(values[i]) ^ Bits(present[0]);
  }
  if (count == 0) return codes.PutByte(format::kAbsentCode);
  masks.SetEnd(mask_end);
  if (different == 0) return EncodeConstant(present[0], true);
  EncodeChanging(std::span(present).first(count), true);
}

void BlockEncoder::Scratch::PutFirst(uint64_t integer, unsigned step_width) {
  const uint64_t value = format::ZigZag(integer);
  const unsigned bytes = format::WholeBytes(value);
  shapes.PutByte(static_cast<uint8_t>(bytes + format::kShapeWidths * step_width));
  tail.PutLow(value, bytes);
}

void BlockEncoder::Scratch::EncodeConstant(double value, bool gaps) {
  uint64_t integer = 0;
  const std::optional<unsigned> exponent = format::ScaleToIntegers({&value, 1}, &integer);
  if (!exponent) return EncodeRaw({&value, 1}, Kind::kRawConstant, gaps);
  const int shift = integer == 0 ? 0 : std::countr_zero(integer);
  const bool shifted = shift >= kSmallestShift;
  if (shifted) {
    shifts.PutByte(static_cast<uint8_t>(shift));
    integer = static_cast<uint64_t>(static_cast<int64_t>(integer) >> shift);
  }
  PutFirst(integer, 0);
  codes.PutByte(format::CodeByte({.kind = Kind::kConstant,
                                  .gaps = gaps,
                                  .shifted = shifted,
                                  .exponent = static_cast<uint8_t>(*exponent)}));
}

void BlockEncoder::Scratch::EncodeChanging(std::span<const double> values, bool gaps) {
  const std::optional<unsigned> exponent = format::ScaleToIntegers(values, integers.data());
  if (!exponent) return EncodeRaw(values, Kind::kRaw, gaps);
  const size_t count = values.size();
  uint64_t* const integer = integers.data();  // the loops below are too hot for checked access
  uint64_t any = 0;
  for (size_t i = 0; i < count; ++i) any |= integer[i];
  const int shift = std::countr_zero(any);  // two values differ: not all are 0
  const bool shifted = shift >= kSmallestShift;
  if (shifted) {
    shifts.PutByte(static_cast<uint8_t>(shift));
    for (size_t i = 0; i < count; ++i) {
      integer[i] = static_cast<uint64_t>(static_cast<int64_t>(integer[i]) >> shift);
    }
  }
  uint64_t* const delta = deltas.data();
  uint64_t any_delta = 0;
  uint64_t last = integer[0];
  for (size_t i = 1; i < count; ++i) {
    const uint64_t step = format::ZigZag(integer[i] - last);
    last = integer[i];
    delta[i] = step;
    any_delta |= step;
  }
  const Steps chosen = ChooseSteps(count, any_delta);
  PutFirst(integer[0], chosen.width);
  PutSteps(chosen, count);
  codes.PutByte(format::CodeByte({.kind = chosen.kind,
                                  .gaps = gaps,
                                  .shifted = shifted,
                                  .exponent = static_cast<uint8_t>(*exponent)}));
}

// Whichever kind is shortest, and within it columns of bytes unless varints are shorter.
Steps BlockEncoder::Scratch::ChooseSteps(size_t count, uint64_t any_delta) {
  const uint64_t* delta = deltas.data();
  uint64_t uneven = 0;
  for (size_t i = 2; i < count; ++i) uneven |= delta[i] ^ delta[1];
  if (uneven == 0) return {Kind::kSteady, 0};
  const unsigned delta_width = format::WholeBytes(any_delta);
  if (delta_width == 1) return {Kind::kDelta, 1};
  // A delta of deltas is as long as the longer of its two, plus a bit: worth a try when they are
  // long.
  uint64_t* const second = delta_deltas.data();
  second[1] = delta[1];
  uint64_t any_second = delta[1];
  size_t delta_bytes = format::VarintBytes(delta[1]);
  size_t second_bytes = delta_bytes;
  for (size_t i = 2; i < count; ++i) {
    second[i] = format::ZigZag(format::UnZigZag(delta[i]) - format::UnZigZag(delta[i - 1]));
    any_second |= second[i];
    delta_bytes += format::VarintBytes(delta[i]);
    second_bytes += format::VarintBytes(second[i]);
  }
  const unsigned second_width = format::WholeBytes(any_second);
  const size_t delta_columns = (count - 1) * delta_width;
  const size_t second_columns = (count - 1) * second_width;
  if (std::min(delta_bytes, delta_columns) <= std::min(second_bytes, second_columns)) {
    return {Kind::kDelta, delta_columns <= delta_bytes ? delta_width : 0};
  }
  return {Kind::kDeltaDelta, second_columns <= second_bytes ? second_width : 0};
}

void BlockEncoder::Scratch::PutSteps(const Steps& chosen, size_t count) {
  if (chosen.kind == Kind::kSteady) return steps.PutVarint(deltas[1]);
  const uint64_t* const from =
      (chosen.kind == Kind::kDelta ? deltas.data() : delta_deltas.data()) + 1;
  const uint64_t* const stop = from + (count - 1);
  uint8_t* to = steps.end();
  if (chosen.width == 0) {
    for (const uint64_t* step = from; step != stop; ++step) to = format::PutVarint(to, *step);
  } else {
    const unsigned low_bytes = chosen.width - 1;
    for (const uint64_t* step = from; step != stop; ++step) {
      *to++ = static_cast<uint8_t>(*step >> (8 * low_bytes));
    }
    if (low_bytes > 0) {
      for (const uint64_t* step = from; step != stop; ++step) tail.PutLow(*step, low_bytes);
    }
  }
  steps.SetEnd(to);
}

void BlockEncoder::Scratch::EncodeRaw(std::span<const double> values, Kind kind, bool gaps) {
  uint64_t any = 0;
  for (const double value : values) any |= Bits(value);
  const unsigned zero_bytes = static_cast<unsigned>(std::countr_zero(any)) / 8;
  const unsigned dropped = std::min(zero_bytes, format::kRawLowBytes);
  uint64_t last = 0;
  for (const double value : values) {
    const uint64_t bits = Bits(value) ^ last;
    raw_high.PutLow(bits >> (format::kRawLowBytes * 8), format::kRawHighBytes);
    tail.PutLow(bits >> (dropped * 8), format::kRawLowBytes - dropped);
    last = Bits(value);
  }
  codes.PutByte(
      format::CodeByte({.kind = kind, .gaps = gaps, .dropped = static_cast<uint8_t>(dropped)}));
}

void BlockEncoder::Scratch::JoinBody() {
  body.clear();
  for (const Stream* stream : {&times, &shifts, &masks, &raw_high, &shapes}) {
    AppendVarint(stream->size(), body);
  }
  for (const Stream* stream : {&times, &codes, &shifts, &masks, &raw_high, &shapes, &steps}) {
    body += stream->view();
  }
}

BlockEncoder::BlockEncoder() : scratch_(std::make_unique<Scratch>()) {}
BlockEncoder::~BlockEncoder() = default;

void BlockEncoder::Encode(const model::Block& block, std::string& out, Packing packing) {
  const size_t ticks = block.ticks();
  CHECK(ticks >= 1 && ticks <= format::kMaxTicks);
  CHECK(block.series >= 1 && block.series <= format::kMaxSeries);
  CHECK(block.values.size() == block.series * ticks && block.values.size() <= format::kMaxValues);
  Scratch& scratch = *scratch_;
  scratch.Prepare(block.series, ticks);
  scratch.EncodeTimes(block.times_unix_nano);
  for (size_t i = 0; i < block.series; ++i) scratch.EncodeSeries(block.SeriesValues(i));
  scratch.JoinBody();

  const size_t begin = out.size();
  out.push_back(static_cast<char>(format::kVersion));
  out.push_back(static_cast<char>(format::kZstd));
  const std::string_view tail = scratch.tail.view();
  AppendVarint(tail.size(), out);
  const size_t body_begin = out.size();
  if (packing == Packing::kZstd && scratch.body.size() >= kSmallestCompressed) {
    scratch.compressor.Append(scratch.body, out);
  }
  const size_t compressed = out.size() - body_begin;
  if (compressed == 0 || compressed >= scratch.body.size()) {
    out.resize(body_begin);
    out[begin + 1] = static_cast<char>(format::kStored);
    out += scratch.body;
  }
  out += tail;
  const uint64_t checksum =
      Checksum(std::string_view(out).substr(begin),
               format::ChecksumSeed(block.series, static_cast<uint32_t>(ticks)));
  for (unsigned i = 0; i < format::kChecksumBytes; ++i) {
    out.push_back(static_cast<char>(checksum >> (8 * i)));
  }
}

}  // namespace shared::wire
