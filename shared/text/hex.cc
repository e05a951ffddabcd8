#include "shared/text/hex.h"

#include <cstdint>

namespace shared::text {
namespace {

std::optional<uint8_t> DigitValue(char digit) {
  if (digit >= '0' && digit <= '9') return static_cast<uint8_t>(digit - '0');
  if (digit >= 'a' && digit <= 'f') return static_cast<uint8_t>(digit - 'a' + 10);
  if (digit >= 'A' && digit <= 'F') return static_cast<uint8_t>(digit - 'A' + 10);
  return std::nullopt;
}

}  // namespace

std::string ToHex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char byte : bytes) {
    const auto value = static_cast<uint8_t>(byte);
    out.push_back(kDigits[value >> 4]);
    out.push_back(kDigits[value & 15]);
  }
  return out;
}

std::optional<std::string> FromHex(std::string_view digits) {
  if (digits.size() % 2 != 0) return std::nullopt;
  std::string out;
  out.reserve(digits.size() / 2);
  for (size_t i = 0; i < digits.size(); i += 2) {
    const std::optional<uint8_t> high = DigitValue(digits[i]);
    const std::optional<uint8_t> low = DigitValue(digits[i + 1]);
    if (!high || !low) return std::nullopt;
    out.push_back(static_cast<char>((*high << 4) | *low));
  }
  return out;
}

std::string ToUuid(std::string_view bytes) {
  std::string digits = ToHex(bytes);
  if (digits.size() != 32) return digits;
  for (const size_t position : {20u, 16u, 12u, 8u}) digits.insert(position, 1, '-');
  return digits;
}

std::optional<std::string> FromUuid(std::string_view text) {
  std::string digits;
  for (const char character : text) {
    if (character != '-') digits.push_back(character);
  }
  if (digits.size() != 32) return std::nullopt;
  return FromHex(digits);
}

}  // namespace shared::text
