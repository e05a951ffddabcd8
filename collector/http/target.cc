#include "collector/http/target.h"

#include <cstdint>

#include "shared/text/cursor.h"
#include "shared/text/utf8.h"

namespace collector::http {
namespace {

using shared::ErrorCode;
using shared::Fail;
using shared::Result;

// `offset`: of `text` in the target, for messages.
Result<std::string> Decode(std::string_view text, size_t offset, bool plus_is_space) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const size_t at = offset + i;
    char byte = text[i];
    if (byte == '%') {
      const auto value = shared::text::ParseNumber<uint8_t>(text.substr(i + 1, 2), 16);
      if (!value || i + 2 >= text.size()) {
        return Fail(ErrorCode::kMalformed,
                    "request target, byte {}: '%' must be followed by two hexadecimal digits", at);
      }
      byte = static_cast<char>(*value);
      i += 2;
    } else if (byte == '+' && plus_is_space) {
      byte = ' ';
    }
    if (static_cast<uint8_t>(byte) < 0x20 || byte == 0x7f) {
      return Fail(ErrorCode::kMalformed, "request target, byte {}: control character {:#04x}", at,
                  static_cast<uint8_t>(byte));
    }
    out.push_back(byte);
  }
  if (!shared::text::IsCleanUtf8(out)) {
    return Fail(ErrorCode::kMalformed, "request target, byte {}: not UTF-8", offset);
  }
  return out;
}

Result<std::vector<std::string>> ParsePath(std::string_view path) {
  std::vector<std::string> parts;
  size_t begin = 1;
  while (begin < path.size()) {
    const size_t end = std::min(path.find('/', begin), path.size());
    ASSIGN_OR_RETURN(std::string part, Decode(path.substr(begin, end - begin), begin, false));
    if (part == "." || part == "..") {
      return Fail(ErrorCode::kMalformed, "request target, byte {}: path part '{}'", begin, part);
    }
    parts.push_back(std::move(part));
    begin = end + 1;
  }
  return parts;
}

}  // namespace

Result<Target> ParseTarget(std::string_view target) {
  if (!target.starts_with('/')) {
    return Fail(ErrorCode::kMalformed, "request target, byte 0: must begin with '/'");
  }
  target = target.substr(0, target.find('#'));
  const size_t question = target.find('?');
  Target out;
  ASSIGN_OR_RETURN(out.parts, ParsePath(target.substr(0, question)));
  if (question == std::string_view::npos) return out;
  size_t begin = question + 1;
  while (begin < target.size()) {
    const size_t end = std::min(target.find('&', begin), target.size());
    const std::string_view pair = target.substr(begin, end - begin);
    if (!pair.empty()) {
      const size_t equals = std::min(pair.find('='), pair.size());
      ASSIGN_OR_RETURN(std::string name, Decode(pair.substr(0, equals), begin, true));
      std::string value;
      if (equals < pair.size()) {
        ASSIGN_OR_RETURN(value, Decode(pair.substr(equals + 1), begin + equals + 1, true));
      }
      out.query.emplace_back(std::move(name), std::move(value));
    }
    begin = end + 1;
  }
  return out;
}

}  // namespace collector::http
