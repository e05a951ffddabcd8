#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

// Protobuf's wire format, written by hand where messages would cost too much.
// https://protobuf.dev/programming-guides/encoding/
namespace collector::bus::protobuf_bytes {

static_assert(std::endian::native == std::endian::little, "fixed64 is copied as it lies in memory");

enum class WireType : uint8_t { kVarint = 0, kFixed64 = 1, kLength = 2 };

inline void AppendVarint(uint64_t value, std::string& out) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

inline void AppendTag(int field, WireType type, std::string& out) {
  AppendVarint(static_cast<uint64_t>(field) << 3 | static_cast<uint64_t>(type), out);
}

inline void AppendVarintField(int field, uint64_t value, std::string& out) {
  AppendTag(field, WireType::kVarint, out);
  AppendVarint(value, out);
}

// A string, bytes or an encoded message.
inline void AppendField(int field, std::string_view bytes, std::string& out) {
  AppendTag(field, WireType::kLength, out);
  AppendVarint(bytes.size(), out);
  out.append(bytes);
}

// A fixed64, sfixed64 or double.
template <typename Value>
void AppendFixed64Field(int field, Value value, std::string& out) {
  static_assert(sizeof value == 8);
  AppendTag(field, WireType::kFixed64, out);
  char bytes[8];
  std::memcpy(bytes, &value, sizeof bytes);
  out.append(bytes, sizeof bytes);
}

}  // namespace collector::bus::protobuf_bytes
