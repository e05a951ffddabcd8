#include "shared/text/json.h"

#include <charconv>
#include <cmath>
#include <cstdint>

#include "shared/text/hex.h"
#include "shared/text/utf8.h"

namespace shared::text {
namespace {

void AppendEscaped(std::string_view clean, std::string& out) {
  for (const char character : clean) {
    switch (character) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<uint8_t>(character) < 0x20 || character == 0x7f) {
          out += "\\u00";
          out += ToHex(std::string_view(&character, 1));
        } else {
          out.push_back(character);
        }
    }
  }
}

}  // namespace

void AppendJsonString(std::string_view text, std::string& out) {
  out.push_back('"');
  if (IsCleanUtf8(text)) {
    AppendEscaped(text, out);
  } else {
    AppendEscaped(CleanUtf8(text), out);
  }
  out.push_back('"');
}

void AppendJsonNumber(double value, std::string& out) {
  if (std::isnan(value)) {
    out += "\"NaN\"";
  } else if (std::isinf(value)) {
    out += value > 0 ? "\"+Inf\"" : "\"-Inf\"";
  } else {
    char buffer[32];
    const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
    out.append(buffer, end);
  }
}

}  // namespace shared::text
