#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "collector/http/target.h"
#include "shared/text/utf8.h"

// Whatever parses holds no control character, no dot part, and only UTF-8.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);  // NOLINT
  const auto target = collector::http::ParseTarget(text);
  if (!target) return 0;
  const auto sound = [](const std::string& part) {
    for (const char byte : part) {
      if (static_cast<uint8_t>(byte) < 0x20) return false;
    }
    return shared::text::IsCleanUtf8(part);
  };
  for (const std::string& part : target->parts) {
    if (part == "." || part == ".." || !sound(part)) std::abort();
  }
  for (const auto& [name, value] : target->query) {
    if (!sound(name) || !sound(value)) std::abort();
  }
  return 0;
}
