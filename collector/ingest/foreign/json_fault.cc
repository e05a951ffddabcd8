#include "collector/ingest/foreign/json_fault.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>
#include <system_error>

#include "shared/text/utf8.h"

namespace collector::ingest::foreign {
namespace {

bool IsDigit(char byte) {
  return byte >= '0' && byte <= '9';
}

// Each Scan… leaves the cursor behind what it names, or sets the fault and returns false.
class Scanner {
 public:
  Scanner(std::string_view text, size_t max_depth) : text_(text), max_depth_(max_depth) {}

  std::string Find() {
    if (ScanValue(0)) {
      SkipSpace();
      if (position_ < text_.size()) Fail("expected the end of the text");
    }
    return std::move(fault_);
  }

 private:
  bool Fail(std::string_view what) { return FailAt(position_, what); }
  bool FailAt(size_t position, std::string_view what) {
    fault_ = fmt::format("byte {}: {}", position, what);
    return false;
  }
  // '\0' at the end, where no JSON has one.
  [[nodiscard]] char Peek() const { return position_ < text_.size() ? text_[position_] : '\0'; }
  void SkipSpace() {
    while (position_ < text_.size() &&
           (Peek() == ' ' || Peek() == '\n' || Peek() == '\r' || Peek() == '\t')) {
      position_ += 1;
    }
  }

  bool ScanValue(size_t depth);
  bool ScanMembers(size_t depth, char close, bool keyed);
  bool ScanString();
  bool ScanEscape();
  bool ScanNumber();
  bool ScanDigits();

  const std::string_view text_;
  const size_t max_depth_;
  size_t position_ = 0;
  std::string fault_;
};

bool Scanner::ScanValue(size_t depth) {
  SkipSpace();
  switch (Peek()) {
    case '{':
    case '[':
      if (depth >= max_depth_) {
        return Fail(fmt::format("nested deeper than {}", max_depth_));
      }
      return ScanMembers(depth, Peek() == '{' ? '}' : ']', Peek() == '{');
    case '"':
      return ScanString();
    default:
      break;
  }
  for (const std::string_view word : {"true", "false", "null"}) {
    if (text_.substr(position_).starts_with(word)) {
      position_ += word.size();
      return true;
    }
  }
  if (Peek() == '-' || IsDigit(Peek())) return ScanNumber();
  return Fail("expected a value");
}

bool Scanner::ScanMembers(size_t depth, char close, bool keyed) {
  position_ += 1;
  SkipSpace();
  if (Peek() == close) {
    position_ += 1;
    return true;
  }
  while (true) {
    if (keyed) {
      SkipSpace();
      if (Peek() != '"') return Fail("expected a key in quotes");
      if (!ScanString()) return false;
      SkipSpace();
      if (Peek() != ':') return Fail("expected ':' after a key");
      position_ += 1;
    }
    if (!ScanValue(depth + 1)) return false;
    SkipSpace();
    if (Peek() == close) break;
    if (Peek() != ',') return Fail(fmt::format("expected ',' or '{}'", close));
    position_ += 1;
  }
  position_ += 1;
  return true;
}

bool Scanner::ScanString() {
  const size_t begin = position_;
  position_ += 1;
  while (position_ < text_.size()) {
    const auto byte = static_cast<uint8_t>(text_[position_]);
    if (byte == '"') {
      if (!shared::text::IsCleanUtf8(text_.substr(begin, position_ - begin))) {
        return FailAt(begin, "a string that is not UTF-8");
      }
      position_ += 1;
      return true;
    }
    if (byte < 0x20) return Fail("a control character in a string");
    if (byte != '\\') {
      position_ += 1;
    } else if (!ScanEscape()) {
      return false;
    }
  }
  return FailAt(begin, "a string without its closing quote");
}

bool Scanner::ScanEscape() {
  const size_t begin = position_;
  const auto unit = [&]() -> int {  // "\u12ab" at the cursor; -1: none
    uint32_t value = 0;
    if (!text_.substr(position_).starts_with("\\u") || position_ + 6 > text_.size()) return -1;
    const char* const last = text_.data() + position_ + 6;
    const auto [end, error] = std::from_chars(text_.data() + position_ + 2, last, value, 16);
    if (error != std::errc() || end != last) return -1;
    position_ += 6;
    return static_cast<int>(value);
  };
  const std::string_view rest = text_.substr(position_ + 1);
  if (!rest.starts_with('u')) {
    if (rest.empty() || std::string_view("\"\\/bfnrt").find(rest[0]) == std::string_view::npos) {
      return FailAt(begin, "an escape that JSON has not");
    }
    position_ += 2;
    return true;
  }
  const int first = unit();
  if (first < 0) return FailAt(begin, "expected four hexadecimal digits after '\\u'");
  if (first < 0xd800 || first > 0xdfff) return true;
  const int second = first <= 0xdbff ? unit() : -1;
  if (second >= 0xdc00 && second <= 0xdfff) return true;
  return FailAt(begin, "half a surrogate pair");
}

bool Scanner::ScanDigits() {
  if (!IsDigit(Peek())) return Fail("expected a digit");
  while (IsDigit(Peek())) position_ += 1;
  return true;
}

bool Scanner::ScanNumber() {
  const size_t begin = position_;
  if (Peek() == '-') position_ += 1;
  if (Peek() == '0') {
    position_ += 1;
    if (IsDigit(Peek())) return Fail("a number with a leading 0");
  } else if (!ScanDigits()) {
    return false;
  }
  bool whole = true;
  if (Peek() == '.') {
    whole = false;
    position_ += 1;
    if (!ScanDigits()) return false;
  }
  if (Peek() == 'e' || Peek() == 'E') {
    whole = false;
    position_ += 1;
    if (Peek() == '+' || Peek() == '-') position_ += 1;
    if (!ScanDigits()) return false;
  }
  const char* const first = text_.data() + begin;
  const char* const last = text_.data() + position_;
  uint64_t large = 0;
  int64_t small = 0;
  double real = 0;
  const bool fits = !whole          ? std::from_chars(first, last, real).ec == std::errc()
                    : *first == '-' ? std::from_chars(first, last, small).ec == std::errc()
                                    : std::from_chars(first, last, large).ec == std::errc();
  if (!fits) return FailAt(begin, "a number beyond 64 bits");
  return true;
}

}  // namespace

std::string FindJsonFault(std::string_view text, size_t max_depth) {
  return Scanner(text, max_depth).Find();
}

}  // namespace collector::ingest::foreign
