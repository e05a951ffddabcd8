#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "shared/wire/block_format.h"

namespace shared::wire::format {

// Reads one stream from its beginning. What is not there reads as 0 and is remembered.
class ByteReader {
 public:
  ByteReader() = default;
  explicit ByteReader(std::string_view bytes)
      : at_(reinterpret_cast<const uint8_t*>(bytes.data())), end_(at_ + bytes.size()) {}

  ByteReader(const uint8_t* bytes, size_t size) : at_(bytes), end_(bytes + size) {}

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
  // The next `count` bytes; null when there are fewer.
  const uint8_t* TakeBytes(size_t count) {
    if (left() < count) return Fail(), nullptr;
    at_ += count;
    return at_ - count;
  }
  // The same as a view; empty when there are fewer.
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
      const size_t safe = std::min(to.size() - i, left() / kMaxVarintBytes);
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

}  // namespace shared::wire::format
