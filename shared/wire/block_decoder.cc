// The reading half of block_codec.h, which tells the format.
#include "shared/wire/block_codec.h"

#include <algorithm>
#include <array>
#include <bit>
#include <span>
#include <vector>

#include "shared/wire/block_format.h"
#include "shared/wire/byte_reader.h"
#include "shared/wire/checksum.h"
#include "shared/wire/zstd.h"

namespace shared::wire {
namespace {

using format::ByteReader;
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

// Where steps come from: step(i) is the i-th, still zig-zag.
struct ByteColumn {
  const uint8_t* bytes;
  uint64_t operator()(size_t i) const { return bytes[i]; }
};
struct BytePairColumns {
  const uint8_t* high;
  const uint8_t* low;
  uint64_t operator()(size_t i) const { return uint64_t{high[i]} << 8 | low[i]; }
};
struct Numbers {
  const uint64_t* numbers;
  uint64_t operator()(size_t i) const { return numbers[i]; }
};

// values[1…], from the first and one step for each.
template <bool kDecimal, bool kDeltaDelta, typename Steps>
void AddSteps(uint64_t integer, const Scale& scale, Steps step_of, std::span<double> values) {
  uint64_t step = 0;
  double* const to = values.data() + 1;
  const size_t count = values.size() - 1;
  for (size_t i = 0; i < count; ++i) {
    step = format::UnZigZag(step_of(i)) + (kDeltaDelta ? step : 0);
    integer += step;
    to[i] = scale.ToDoubleAs<kDecimal>(integer);
  }
}
template <typename Steps>
void AddSteps(Kind kind, uint64_t integer, const Scale& scale, Steps step_of,
              std::span<double> values) {
  const bool decimal = scale.exponent != 0;
  if (kind == Kind::kDelta) {
    if (decimal) return AddSteps<true, false>(integer, scale, step_of, values);
    return AddSteps<false, false>(integer, scale, step_of, values);
  }
  if (decimal) return AddSteps<true, true>(integer, scale, step_of, values);
  AddSteps<false, true>(integer, scale, step_of, values);
}

// The streams of one payload, and what is read from them.
struct Streams {
  ByteReader times;
  ByteReader codes;
  ByteReader shifts;
  ByteReader masks;
  ByteReader raw_high;
  ByteReader shapes;
  ByteReader steps;
  ByteReader tail;
  std::vector<double> present;         // the values of a series with gaps
  std::vector<uint64_t> stored_steps;  // the steps of one series

  // Room for series of so many ticks.
  void Prepare(size_t ticks);
  // All but the tail.
  Result<void> Split(std::string_view body, uint32_t series);
  Result<void> DecodeTimes(std::span<int64_t> instants);
  // What is wrong; empty: nothing so far.
  std::string_view DecodeSeries(std::span<double> values);
  [[nodiscard]] Result<void> CheckNothingLeft() const;

 private:
  std::string_view DecodeWithGaps(const Code& code, std::span<double> values);
  void DecodeDense(const Code& code, std::span<double> values);
  void DecodeIntegers(const Code& code, std::span<double> values);
  void DecodeSteps(Kind kind, unsigned width, uint64_t first, const Scale& scale,
                   std::span<double> values);
  void DecodeRaw(const Code& code, std::span<double> values);
};

void Streams::Prepare(size_t ticks) {
  if (stored_steps.size() >= ticks) return;
  stored_steps.resize(ticks);
  present.resize(ticks);
}

Result<void> Streams::Split(std::string_view body, uint32_t series) {
  ByteReader reader(body);
  std::array<uint64_t, 5> sizes{};
  for (uint64_t& size : sizes) size = reader.TakeVarint();
  times = ByteReader(reader.Take(sizes[0]));
  codes = ByteReader(reader.Take(series));
  shifts = ByteReader(reader.Take(sizes[1]));
  masks = ByteReader(reader.Take(sizes[2]));
  raw_high = ByteReader(reader.Take(sizes[3]));
  shapes = ByteReader(reader.Take(sizes[4]));
  steps = reader;
  if (reader.failed()) return Fail(ErrorCode::kMalformed, "block: the body is too short");
  return {};
}

Result<void> Streams::DecodeTimes(std::span<int64_t> instants) {
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

std::string_view Streams::DecodeSeries(std::span<double> values) {
  const Code& code = kCodes[codes.TakeByte()];
  if (code.gaps) return DecodeWithGaps(code, values);
  if (code.kind == Kind::kAbsent) {
    std::fill(values.begin(), values.end(), FromBits(model::kStaleBits));
  } else if (code.kind == Kind::kInvalid) {
    return "code is not known";
  } else {
    DecodeDense(code, values);
  }
  return {};
}

std::string_view Streams::DecodeWithGaps(const Code& code, std::span<double> values) {
  const std::string_view mask = masks.Take((values.size() + 7) / 8);
  if (mask.empty()) return "no mask";
  const auto is_present = [mask](size_t tick) {
    return (static_cast<uint8_t>(mask[tick / 8]) >> (tick % 8) & 1u) != 0;
  };
  size_t count = 0;
  for (size_t tick = 0; tick < values.size(); ++tick) count += is_present(tick) ? 1 : 0;
  if (count == 0) return "empty mask";
  DecodeDense(code, std::span(present).first(count));
  size_t next = 0;
  for (size_t tick = 0; tick < values.size(); ++tick) {
    values[tick] = is_present(tick) ? present[next++] : FromBits(model::kStaleBits);
  }
  return {};
}

void Streams::DecodeDense(const Code& code, std::span<double> values) {
  if (code.kind == Kind::kRaw) return DecodeRaw(code, values);
  if (code.kind == Kind::kRawConstant) {
    DecodeRaw(code, values.first(1));
    std::fill(values.begin() + 1, values.end(), values[0]);
    return;
  }
  DecodeIntegers(code, values);
}

void Streams::DecodeIntegers(const Code& code, std::span<double> values) {
  const unsigned shift = code.shifted ? shifts.TakeByte() & 63u : 0;
  const unsigned shape = shapes.TakeByte();
  if (shape > format::kMaxShape) return static_cast<void>(shapes.Fail());
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
    DecodeSteps(code.kind, width, first, scale, values);
  }
}

void Streams::DecodeSteps(Kind kind, unsigned width, uint64_t first, const Scale& scale,
                          std::span<double> values) {
  const size_t count = values.size() - 1;
  uint64_t* const numbers = stored_steps.data();
  if (width == 0) {
    steps.TakeVarints({numbers, count});
    return AddSteps(kind, first, scale, Numbers{numbers}, values);
  }
  const unsigned low_bytes = width - 1;
  const uint8_t* const high = steps.TakeBytes(count);
  const uint8_t* const low = tail.TakeBytes(count * low_bytes);
  if (high == nullptr || low == nullptr) return static_cast<void>(steps.Fail());
  if (width == 1) return AddSteps(kind, first, scale, ByteColumn{high}, values);
  if (width == 2) return AddSteps(kind, first, scale, BytePairColumns{high, low}, values);
  ByteReader lows(low, count * low_bytes);
  for (size_t i = 0; i < count; ++i) {
    numbers[i] = uint64_t{high[i]} << (8 * low_bytes) | lows.TakeLow(low_bytes);
  }
  AddSteps(kind, first, scale, Numbers{numbers}, values);
}

void Streams::DecodeRaw(const Code& code, std::span<double> values) {
  uint64_t bits = 0;
  for (double& value : values) {
    const uint64_t high = raw_high.TakeLow(format::kRawHighBytes);
    const uint64_t low = tail.TakeLow(format::kRawLowBytes - code.dropped);
    bits ^= high << (format::kRawLowBytes * 8) | low << (code.dropped * 8);
    value = FromBits(bits);
  }
}

Result<void> Streams::CheckNothingLeft() const {
  for (const ByteReader* reader :
       {&times, &codes, &shifts, &masks, &raw_high, &shapes, &steps, &tail}) {
    if (reader->failed()) return Fail(ErrorCode::kMalformed, "block: values are missing");
    if (reader->left() != 0) {
      return Fail(ErrorCode::kMalformed, "block: {} bytes too many", reader->left());
    }
  }
  return {};
}

}  // namespace

struct BlockDecoder::Scratch {
  Streams streams;
  std::string body;
  Decompressor decompressor;

  Result<void> Unpack(std::string_view payload, uint32_t series, uint32_t ticks);
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
  const uint64_t stored = ByteReader(payload.substr(summed.size())).TakeLow(format::kChecksumBytes);
  const uint64_t actual = Checksum(summed, format::ChecksumSeed(series, ticks)) & 0xffff'ffffu;
  if (stored != actual) {
    return Fail(ErrorCode::kMalformed,
                "block: checksum of {} series and {} ticks is {:08x}, stored is {:08x}", series,
                ticks, actual, stored);
  }
  const auto packing = static_cast<uint8_t>(payload[1]);
  ByteReader rest(summed.substr(format::kHeadBytes));
  const uint64_t tail_bytes = rest.TakeVarint();
  if (rest.failed() || tail_bytes > rest.left()) {
    return Fail(ErrorCode::kMalformed, "block: the tail is longer than the payload");
  }
  const std::string_view packed = rest.Take(rest.left() - tail_bytes);
  streams.tail = rest;
  if (packing == format::kStored) return streams.Split(packed, series);
  if (packing != format::kZstd) {
    return Fail(ErrorCode::kMalformed, "block: packing {} is not known", packing);
  }
  body.clear();
  const DecompressLimits limits{.output_bytes = format::MaxBodyBytes(series, ticks),
                                .ratio = SIZE_MAX};
  if (Result<void> result = decompressor.Append(packed, limits, body); !result) {
    return tl::make_unexpected(Error{ErrorCode::kMalformed, result.error().message}.With("block"));
  }
  return streams.Split(body, series);
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
  Streams& streams = scratch.streams;
  streams.Prepare(ticks);
  RETURN_IF_ERROR(streams.DecodeTimes(block.times_unix_nano));
  double* values = block.values.data();
  for (uint32_t i = 0; i < series; ++i, values += ticks) {
    const std::string_view fault = streams.DecodeSeries({values, ticks});
    if (!fault.empty()) return Fail(ErrorCode::kMalformed, "block: series {}: {}", i, fault);
  }
  return streams.CheckNothingLeft();
}

}  // namespace shared::wire
