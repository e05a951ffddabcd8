#include "shared/text/utf8.h"

#include <cstdint>

namespace shared::text {
namespace {

// Length of the valid character at the start of `bytes` (not empty); 0 when it is invalid or NUL.
size_t CharacterLength(std::string_view bytes) {
  const auto at = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  const auto continues = [&](size_t i, uint8_t low = 0x80, uint8_t high = 0xbf) {
    return i < bytes.size() && at(i) >= low && at(i) <= high;
  };
  const uint8_t first = at(0);
  if (first == 0) return 0;
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return continues(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const uint8_t low = first == 0xe0 ? 0xa0 : 0x80;   // no overlong forms
    const uint8_t high = first == 0xed ? 0x9f : 0xbf;  // no surrogates
    return continues(1, low, high) && continues(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const uint8_t low = first == 0xf0 ? 0x90 : 0x80;
    const uint8_t high = first == 0xf4 ? 0x8f : 0xbf;  // up to U+10FFFF
    return continues(1, low, high) && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

bool IsCleanUtf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t length = CharacterLength(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

bool AppendCleanUtf8(std::string_view bytes, std::string& out) {
  bool replaced = false;
  while (!bytes.empty()) {
    size_t clean = 0;
    while (clean < bytes.size()) {
      const size_t length = CharacterLength(bytes.substr(clean));
      if (length == 0) break;
      clean += length;
    }
    out.append(bytes.substr(0, clean));
    bytes.remove_prefix(clean);
    if (bytes.empty()) break;
    out.append("\xef\xbf\xbd");
    bytes.remove_prefix(1);
    replaced = true;
  }
  return replaced;
}

std::string CleanUtf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  AppendCleanUtf8(bytes, out);
  return out;
}

std::string_view TruncateUtf8(std::string_view text, size_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && (static_cast<uint8_t>(text[limit]) & 0xc0) == 0x80) limit -= 1;
  return text.substr(0, limit);
}

}  // namespace shared::text
