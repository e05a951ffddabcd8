#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

// What the encoder and the decoder of blocks share; the format itself is told in block_codec.h.
namespace shared::wire::format {

static_assert(std::endian::native == std::endian::little,
              "numbers are copied as they lie in memory");

inline constexpr uint8_t kVersion = 1;
inline constexpr uint8_t kStored = 0;
inline constexpr uint8_t kZstd = 1;
inline constexpr size_t kHeadBytes = 2;
inline constexpr size_t kChecksumBytes = 4;

inline constexpr uint32_t kMaxTicks = 4096;
inline constexpr uint32_t kMaxSeries = 20'000;
inline constexpr size_t kMaxValues = size_t{4} << 20;

// A varint of 64 bits has at most this many bytes.
inline constexpr size_t kMaxVarintBytes = 10;
// Of a raw value: the first bytes go to the body, where they compress; the rest to the tail.
inline constexpr unsigned kRawHighBytes = 2;
inline constexpr unsigned kRawLowBytes = 6;

// Timestamps are multiples of one of these.
inline constexpr std::array<int64_t, 4> kTimeUnits = {1, 1'000, 1'000'000, 1'000'000'000};

// Scaled values are value * 10^exponent.
inline constexpr unsigned kMaxExponent = 9;
inline constexpr std::array<double, kMaxExponent + 1> kPowersOfTen = {1e0, 1e1, 1e2, 1e3, 1e4,
                                                                      1e5, 1e6, 1e7, 1e8, 1e9};

enum class Kind : uint8_t {
  kConstant,    // one value
  kSteady,      // value, step: each value one step after the one before
  kDelta,       // value, then each step
  kDeltaDelta,  // value, step, then how each step differs from the one before
  kRaw,         // the bits, each XOR those before
  kRawConstant,
  kAbsent,  // stale markers only
  kInvalid,
};

// A scaled series' shape byte: how many bytes its first value has (0 to 8), plus 9 times the width
// of its steps (1 to 8 bytes each; 0: varints, or no steps).
inline constexpr unsigned kShapeWidths = 9;
inline constexpr unsigned kMaxShape = 8 + kShapeWidths * 8;

// One series' code byte, taken apart.
struct Code {
  Kind kind = Kind::kInvalid;
  bool gaps = false;     // a bit mask tells the ticks that have values
  bool shifted = false;  // scaled values lost their common trailing zero bits
  uint8_t exponent = 0;  // of the scale, 0 to kMaxExponent
  uint8_t dropped = 0;   // raw: low bytes left out because they are zero in all values
};

// Scaled kinds: ((exponent * 2 + shifted) * 2 + gaps) * 4 + kind, 0 to 159.
inline constexpr uint8_t kFirstRawCode = (kMaxExponent + 1) * 16;
// kRaw: then dropped * 2 + gaps; kRawConstant likewise; kAbsent.
inline constexpr uint8_t kFirstRawConstantCode = kFirstRawCode + (kRawLowBytes + 1) * 2;
inline constexpr uint8_t kAbsentCode = kFirstRawConstantCode + (kRawLowBytes + 1) * 2;

constexpr uint8_t CodeByte(const Code& code) {
  const unsigned gaps = code.gaps ? 1 : 0;
  const unsigned shifted = code.shifted ? 1 : 0;
  switch (code.kind) {
    case Kind::kRaw:
      return static_cast<uint8_t>(kFirstRawCode + code.dropped * 2u + gaps);
    case Kind::kRawConstant:
      return static_cast<uint8_t>(kFirstRawConstantCode + code.dropped * 2u + gaps);
    case Kind::kAbsent:
      return kAbsentCode;
    default:
      return static_cast<uint8_t>(((code.exponent * 2u + shifted) * 2 + gaps) * 4 +
                                  static_cast<unsigned>(code.kind));
  }
}

constexpr Code TakeApart(uint8_t byte) {
  Code code;
  if (byte < kFirstRawCode) {
    code.kind = static_cast<Kind>(byte & 3u);
    code.gaps = (byte & 4u) != 0;
    code.shifted = (byte & 8u) != 0;
    code.exponent = static_cast<uint8_t>(byte >> 4);
  } else if (byte < kAbsentCode) {
    const bool constant = byte >= kFirstRawConstantCode;
    const unsigned rest = byte - (constant ? kFirstRawConstantCode : kFirstRawCode);
    code.kind = constant ? Kind::kRawConstant : Kind::kRaw;
    code.gaps = (rest & 1u) != 0;
    code.dropped = static_cast<uint8_t>(rest >> 1);
  } else if (byte == kAbsentCode) {
    code.kind = Kind::kAbsent;
  }
  return code;
}

// The counts travel beside the payload; as the checksum's seed they are checked with it.
constexpr uint64_t ChecksumSeed(uint32_t series, uint32_t ticks) {
  return (uint64_t{series} << 32) | ticks;
}

// No honest body is longer: stream sizes, times, and for each series code, shift, mask and varints.
constexpr size_t MaxBodyBytes(size_t series, size_t ticks) {
  return 64 + ticks * kMaxVarintBytes + series * (2 + (ticks + 7) / 8) +
         series * ticks * kMaxVarintBytes;
}

// Small numbers of either sign become small unsigned ones: 0, -1, 1, -2 … are 0, 1, 2, 3 …
constexpr uint64_t ZigZag(uint64_t value) {
  return (value << 1) ^ static_cast<uint64_t>(static_cast<int64_t>(value) >> 63);
}
constexpr uint64_t UnZigZag(uint64_t value) {
  return (value >> 1) ^ (uint64_t{0} - (value & 1));
}

// Seven bits a byte, low ones first, the top bit set on all but the last. `to` has room for
// kMaxVarintBytes; returns one past the last byte written.
inline uint8_t* PutVarint(uint8_t* to, uint64_t value) {
  while (value >= 0x80) {
    *to++ = static_cast<uint8_t>(value | 0x80);
    value >>= 7;
  }
  *to++ = static_cast<uint8_t>(value);
  return to;
}
constexpr unsigned WholeBytes(uint64_t value) {
  return (static_cast<unsigned>(std::bit_width(value)) + 7) / 8;
}
constexpr size_t VarintBytes(uint64_t value) {
  return (static_cast<size_t>(std::bit_width(value | 1)) * 9 + 64) / 64;
}

}  // namespace shared::wire::format
