#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shared/wire/byte_reader.h"

// Numbers and texts within the sections of a segment (log_segment.h); ByteReader reads them back.
namespace collector::storage {

// LEB128, as protobuf's.
inline void PutVarint(uint64_t value, std::string& out) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

// Small when `value` is near `expected`, on either side; wraps around.
inline void PutDifference(uint64_t value, uint64_t expected, std::string& out) {
  const auto difference = static_cast<int64_t>(value - expected);
  PutVarint((static_cast<uint64_t>(difference) << 1) ^ static_cast<uint64_t>(difference >> 63),
            out);
}
inline uint64_t TakeDifference(shared::wire::format::ByteReader& in, uint64_t expected) {
  const uint64_t zigzag = in.TakeVarint();
  return expected + ((zigzag >> 1) ^ (~(zigzag & 1) + 1));
}

// Length, then bytes.
inline void PutText(std::string_view text, std::string& out) {
  PutVarint(text.size(), out);
  out += text;
}
inline std::string_view TakeText(shared::wire::format::ByteReader& in) {
  return in.Take(in.TakeVarint());
}

}  // namespace collector::storage
