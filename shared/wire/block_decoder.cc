#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <span>
#include <vector>

#include "shared/wire/block_codec.h"
#include "shared/wire/block_format.h"
#include "shared/wire/checksum.h"
#include "shared/wire/zstd.h"

namespace shared::wire {
namespace {

using format::Code;
using format::Kind;

constexpr std::array<Code, 256> MakeCodes() {
  std::array<Code, 256> codes;
  for (unsigned byte = 0; byte < 256; ++byte) {
    codes[byte] = format::TakeApart(static_cast<uint8_t>(byte));
  }
  return codes;
}
constexpr std::array<Code, 256> kCodes = MakeCodes();

// Reads one stream from its beginning. What is not there reads as 0 and is remembered.
class Reader {
 public:
  Reader() = default;
  explicit Reader(std::string_view bytes)
      : at_(reinterpret_cast<const uint8_t*>(bytes.data())), end_(at_ + bytes.size()) {}

  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] size_t left() const { return static_cast<size_t>(end_ - at_); }

  // Ends the stream: what it says makes no sense. All reads return 0 from now on.
  uint8_t Fail() {
    failed_ = true;
    at_ = end_;
    return 0;
  }

  uint8_t TakeByte() {
    if (at_ == end_) return Fail();
    return *at_++;
  }
  uint64_t TakeVarint() {
    if (at_ != end_ && *at_ < 0x80) return *at_++;
    return TakeLongVarint();
  }
  // `count` bytes, at most 8, little-endian.
  uint64_t TakeLow(unsigned count) {
    uint64_t bits = 0;
    if (left() >= sizeof bits && count < sizeof bits) {
      std::memcpy(&bits, at_, sizeof bits);
      at_ += count;
      return bits & ((uint64_t{1} << (8 * count)) - 1);
    }
    if (left() < count) return Fail();
    for (unsigned i = 0; i < count; ++i) bits |= uint64_t{*at_++} << (8 * i);
    return bits;
  }
  // The next `count` bytes; empty when there are fewer.
  std::string_view Take(size_t count) {
    if (left() < count) return Fail(), std::string_view();
    const std::string_view taken(reinterpret_cast<const char*>(at_), count);
    at_ += count;
    return taken;
  }

  // As many varints as `to` has room for.
  void TakeVarints(std::span<uint64_t> to) {
    size_t i = 0;
    while (i < to.size()) {
      // So many at a time that the stream's end needs no look between them.
      const size_t safe = std::min(to.size() - i, left() / format::kMaxVarintBytes);
      if (safe == 0) {
        to[i++] = TakeVarint();
        continue;
      }
      const uint8_t* from = at_;
      uint64_t* out = to.data() + i;
      for (uint64_t* const stop = out + safe; out != stop; ++out) {
        uint64_t value = *from++;
        if (value >= 0x80) {
          value &= 0x7f;
          for (unsigned shift = 7; shift < 64; shift += 7) {
            const uint64_t byte = *from++;
            value |= (byte & 0x7f) << shift;
            if (byte < 0x80) break;
          }
        }
        *out = value;
      }
      at_ = from;
      i += safe;
    }
  }

 private:
  uint64_t TakeLongVarint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && at_ != end_; shift += 7) {
      const uint8_t byte = *at_++;
      value |= uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80 || shift == 63) return value;  // what a tenth byte has too much is cut off
    }
    return Fail();
  }

  const uint8_t* at_ = nullptr;
  const uint8_t* end_ = nullptr;
  bool failed_ = false;
};

double FromBits(uint64_t bits) {
  return std::bit_cast<double>(bits);
}

// From a stored integer back to the double.
struct Scale {
  unsigned shift = 0;
  unsigned exponent = 0;

  template <bool kDecimal>
  [[nodiscard]] double ToDoubleAs(uint64_t integer) const {
    const auto value = static_cast<double>(static_cast<int64_t>(integer << shift));
    return kDecimal ? value / format::kPowersOfTen[exponent] : value;
  }
  [[nodiscard]] double ToDouble(uint64_t integer) const {
    return exponent == 0 ? ToDoubleAs<false>(integer) : ToDoubleAs<true>(integer);
  }
};

// values[1…], from the first and one step for each.
template <bool kDecimal, bool kDeltaDelta>
void AddSteps(uint64_t integer, const Scale& scale, std::span<const uint64_t> steps,
              std::span<double> values) {
  uint64_t step = 0;
  double* to = values.data();
  for (const uint64_t stored : steps) {
    step = format::UnZigZag(stored) + (kDeltaDelta ? step : 0);
    integer += step;
    *++to = scale.ToDoubleAs<kDecimal>(integer);
  }
}

}  // namespace

struct BlockDecoder::Scratch {
  Reader times;
  Reader codes;
  Reader shifts;
  Reader masks;
  Reader raw_high;
  Reader shapes;
  Reader steps;
  Reader tail;
  std::string body;
  std::vector<double> present;
  std::vector<uint64_t> stored_steps;
  Decompressor decompressor;

  Result<void> Unpack(std::string_view payload, uint32_t series, uint32_t ticks);
  Result<void> Split(std::string_view content, uint32_t series);
  Result<void> DecodeTimes(std::span<int64_t> times);
  Result<void> DecodeSeries(uint32_t index, std::span<double> values);
  Result<void> DecodeWithGaps(uint32_t index, const Code& code, std::span<double> values);
  void DecodeDense(const Code& code, std::span<double> values);
  void DecodeIntegers(const Code& code, std::span<double> values);
  std::span<uint64_t> TakeSteps(unsigned width, size_t count);
  void DecodeRaw(const Code& code, std::span<double> values);
  [[nodiscard]] Result<void> CheckNothingLeft() const;
};

// Checks head and checksum, and gets at the body.
Result<void> BlockDecoder::Scratch::Unpack(std::string_view payload, uint32_t series,
                                           uint32_t ticks) {
  if (payload.size() < format::kHeadBytes + format::kChecksumBytes) {
    return Fail(ErrorCode::kMalformed, "block: {} bytes are no payload", payload.size());
  }
  const auto version = static_cast<uint8_t>(payload[0]);
  if (version != format::kVersion) {
    return Fail(ErrorCode::kMalformed, "block: version {} is not known", version);
  }
  const std::string_view summed = payload.substr(0, payload.size() - format::kChecksumBytes);
  const uint64_t stored = Reader(payload.substr(summed.size())).TakeLow(format::kChecksumBytes);
  const uint64_t actual = Checksum(summed, format::ChecksumSeed(series, ticks)) & 0xffff'ffffu;
  if (stored != actual) {
    return Fail(ErrorCode::kMalformed,
                "block: checksum of {} series and {} ticks is {:08x}, stored is {:08x}", series,
                ticks, actual, stored);
  }
  const auto packing = static_cast<uint8_t>(payload[1]);
  Reader rest(summed.substr(format::kHeadBytes));
  const uint64_t tail_bytes = rest.TakeVarint();
  if (rest.failed() || tail_bytes > rest.left()) {
    return Fail(ErrorCode::kMalformed, "block: the tail is longer than the payload");
  }
  const std::string_view packed = rest.Take(rest.left() - tail_bytes);
  tail = rest;
  if (packing == format::kStored) return Split(packed, series);
  if (packing != format::kZstd) {
    return Fail(ErrorCode::kMalformed, "block: packing {} is not known", packing);
  }
  body.clear();
  const DecompressLimits limits{.output_bytes = format::MaxBodyBytes(series, ticks),
                                .ratio = SIZE_MAX};
  if (Result<void> result = decompressor.Append(packed, limits, body); !result) {
    return tl::make_unexpected(Error{ErrorCode::kMalformed, result.error().message}.With("block"));
  }
  return Split(body, series);
}

Result<void> BlockDecoder::Scratch::Split(std::string_view content, uint32_t series) {
  Reader reader(content);
  std::array<uint64_t, 5> sizes{};
  for (uint64_t& size : sizes) size = reader.TakeVarint();
  times = Reader(reader.Take(sizes[0]));
  codes = Reader(reader.Take(series));
  shifts = Reader(reader.Take(sizes[1]));
  masks = Reader(reader.Take(sizes[2]));
  raw_high = Reader(reader.Take(sizes[3]));
  shapes = Reader(reader.Take(sizes[4]));
  steps = reader;
  if (reader.failed()) return Fail(ErrorCode::kMalformed, "block: the body is too short");
  return {};
}

Result<void> BlockDecoder::Scratch::DecodeTimes(std::span<int64_t> instants) {
  const uint8_t unit_index = times.TakeByte();
  if (unit_index >= format::kTimeUnits.size()) {
    return Fail(ErrorCode::kMalformed, "block: time unit {} is not known", unit_index);
  }
  const int64_t unit = format::kTimeUnits[unit_index];
  uint64_t last = 0;
  uint64_t last_step = 0;
  for (size_t i = 0; i < instants.size(); ++i) {
    const uint64_t step = last_step + format::UnZigZag(times.TakeVarint());
    last += step;
    last_step = i == 0 ? 0 : step;
    if (__builtin_mul_overflow(static_cast<int64_t>(last), unit, &instants[i])) {
      return Fail(ErrorCode::kMalformed, "block: the time of tick {} is out of range", i);
    }
    if (times.failed() || (i > 0 && instants[i] <= instants[i - 1])) {
      return Fail(ErrorCode::kMalformed,
                  "block: the time of tick {} is missing or not after the one before", i);
    }
  }
  return {};
}

// One frame for all that a series needs: the calls cost as much as the work.
[[gnu::flatten]] Result<void> BlockDecoder::Scratch::DecodeSeries(uint32_t index,
                                                                  std::span<double> values) {
  const Code& code = kCodes[codes.TakeByte()];
  if (code.kind == Kind::kAbsent) {
    std::fill(values.begin(), values.end(), FromBits(model::kStaleBits));
  } else if (code.kind == Kind::kInvalid) {
    return Fail(ErrorCode::kMalformed, "block: series {}: code is not known", index);
  } else if (code.gaps) {
    return DecodeWithGaps(index, code, values);
  } else {
    DecodeDense(code, values);
  }
  return {};
}

Result<void> BlockDecoder::Scratch::DecodeWithGaps(uint32_t index, const Code& code,
                                                   std::span<double> values) {
  const std::string_view mask = masks.Take((values.size() + 7) / 8);
  if (mask.empty()) return Fail(ErrorCode::kMalformed, "block: series {}: no mask", index);
  const auto is_present = [mask](size_t tick) {
    return (static_cast<uint8_t>(mask[tick / 8]) >> (tick % 8) & 1u) != 0;
  };
  size_t count = 0;
  for (size_t tick = 0; tick < values.size(); ++tick) count += is_present(tick) ? 1 : 0;
  if (count == 0) return Fail(ErrorCode::kMalformed, "block: series {}: empty mask", index);
  DecodeDense(code, std::span(present).first(count));
  size_t next = 0;
  for (size_t tick = 0; tick < values.size(); ++tick) {
    values[tick] = is_present(tick) ? present[next++] : FromBits(model::kStaleBits);
  }
  return {};
}

void BlockDecoder::Scratch::DecodeDense(const Code& code, std::span<double> values) {
  if (code.kind == Kind::kRaw) return DecodeRaw(code, values);
  if (code.kind == Kind::kRawConstant) {
    DecodeRaw(code, values.first(1));
    std::fill(values.begin() + 1, values.end(), values[0]);
    return;
  }
  DecodeIntegers(code, values);
}

void BlockDecoder::Scratch::DecodeIntegers(const Code& code, std::span<double> values) {
  const unsigned shift = code.shifted ? shifts.TakeByte() & 63u : 0;
  const unsigned shape = shapes.TakeByte();
  if (shape > format::kMaxShape) shapes.Fail();
  const uint64_t first = format::UnZigZag(tail.TakeLow(shape % format::kShapeWidths));
  const unsigned width = shape / format::kShapeWidths;
  const Scale scale{shift, code.exponent};
  values[0] = scale.ToDouble(first);
  if (code.kind == Kind::kConstant) {
    std::fill(values.begin() + 1, values.end(), values[0]);
  } else if (code.kind == Kind::kSteady) {
    const uint64_t step = format::UnZigZag(steps.TakeVarint());
    uint64_t integer = first;
    for (double& value : values.subspan(1)) value = scale.ToDouble(integer += step);
  } else {
    const std::span<uint64_t> stored = TakeSteps(width, values.size() - 1);
    const bool decimal = code.exponent != 0;
    if (code.kind == Kind::kDelta) {
      (decimal ? AddSteps<true, false> : AddSteps<false, false>)(first, scale, stored, values);
    } else {
      (decimal ? AddSteps<true, true> : AddSteps<false, true>)(first, scale, stored, values);
    }
  }
}

std::span<uint64_t> BlockDecoder::Scratch::TakeSteps(unsigned width, size_t count) {
  const std::span<uint64_t> out = std::span(stored_steps).first(count);
  if (width == 0) {
    steps.TakeVarints(out);
    return out;
  }
  const std::string_view high = steps.Take(count);
  if (high.size() != count) {
    std::fill(out.begin(), out.end(), 0);
    return out;
  }
  const unsigned low_bytes = std::min(width, 8u) - 1;
  const std::string_view low = tail.Take(count * low_bytes);
  if (low.size() != count * low_bytes) {
    std::fill(out.begin(), out.end(), 0);
  } else if (low_bytes == 0) {
    for (size_t i = 0; i < count; ++i) out.data()[i] = static_cast<uint8_t>(high.data()[i]);
  } else if (low_bytes == 1) {
    for (size_t i = 0; i < count; ++i) {
      out.data()[i] = static_cast<uint64_t>(static_cast<uint8_t>(high.data()[i])) << 8 |
                      static_cast<uint8_t>(low.data()[i]);
    }
  } else {
    Reader reader(low);
    for (size_t i = 0; i < count; ++i) {
      out[i] =
          uint64_t{static_cast<uint8_t>(high[i])} << (8 * low_bytes) | reader.TakeLow(low_bytes);
    }
  }
  return out;
}

void BlockDecoder::Scratch::DecodeRaw(const Code& code, std::span<double> values) {
  uint64_t bits = 0;
  for (double& value : values) {
    const uint64_t high = raw_high.TakeLow(format::kRawHighBytes);
    const uint64_t low = tail.TakeLow(format::kRawLowBytes - code.dropped);
    bits ^= high << (format::kRawLowBytes * 8) | low << (code.dropped * 8);
    value = FromBits(bits);
  }
}

Result<void> BlockDecoder::Scratch::CheckNothingLeft() const {
  for (const Reader* reader :
       {&times, &codes, &shifts, &masks, &raw_high, &shapes, &steps, &tail}) {
    if (reader->failed()) return Fail(ErrorCode::kMalformed, "block: values are missing");
    if (reader->left() != 0) {
      return Fail(ErrorCode::kMalformed, "block: {} bytes too many", reader->left());
    }
  }
  return {};
}

BlockDecoder::BlockDecoder() : scratch_(std::make_unique<Scratch>()) {}
BlockDecoder::~BlockDecoder() = default;

Result<void> BlockDecoder::Decode(std::string_view payload, uint32_t series, uint32_t ticks,
                                  model::Block& block) {
  const size_t count = size_t{series} * ticks;
  if (ticks > format::kMaxTicks || series > format::kMaxSeries || count > format::kMaxValues) {
    return Fail(
        ErrorCode::kResourceExhausted,
        "block: {} series and {} ticks exceed the limits of {} series, {} ticks and {} values",
        series, ticks, format::kMaxSeries, format::kMaxTicks, format::kMaxValues);
  }
  if (count == 0) {
    return Fail(ErrorCode::kMalformed, "block: {} series and {} ticks are no block", series, ticks);
  }
  Scratch& scratch = *scratch_;
  RETURN_IF_ERROR(scratch.Unpack(payload, series, ticks));
  block.series = series;
  block.times_unix_nano.resize(ticks);
  block.values.resize(count);
  if (scratch.stored_steps.size() < ticks) {
    scratch.stored_steps.resize(ticks);
    scratch.present.resize(ticks);
  }
  RETURN_IF_ERROR(scratch.DecodeTimes(block.times_unix_nano));
  for (uint32_t i = 0; i < series; ++i) {
    RETURN_IF_ERROR(
        scratch.DecodeSeries(i, std::span(block.values).subspan(size_t{i} * ticks, ticks)));
  }
  return scratch.CheckNothingLeft();
}

}  // namespace shared::wire
