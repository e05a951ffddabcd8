#include "collector/api/selector_text.h"

#include <optional>

#include "shared/text/cursor.h"
#include "shared/text/utf8.h"

namespace collector::api {
namespace {

using shared::ErrorCode;
using shared::Fail;
using shared::Result;

constexpr size_t kMostMatchers = 64;
constexpr std::string_view kMetricLabel = "__name__";

bool IsNameByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.' || c == ':' || c == '/' || c == '-';
}

void AppendUtf8(uint32_t code, std::string& out) {
  const auto byte = [&](uint32_t bits) { out.push_back(static_cast<char>(bits)); };
  if (code < 0x80) {
    byte(code);
  } else if (code < 0x800) {
    byte(0xC0 | (code >> 6));
    byte(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    byte(0xE0 | (code >> 12));
    byte(0x80 | ((code >> 6) & 0x3F));
    byte(0x80 | (code & 0x3F));
  } else {
    byte(0xF0 | (code >> 18));
    byte(0x80 | ((code >> 12) & 0x3F));
    byte(0x80 | ((code >> 6) & 0x3F));
    byte(0x80 | (code & 0x3F));
  }
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<std::vector<Matcher>> Parse() {
    SkipSpace();
    const std::string_view metric = TakeName();
    if (!metric.empty()) Add(std::string(kMetricLabel), MatchOp::kEqual, std::string(metric));
    SkipSpace();
    if (metric.empty() && AtEnd()) return Expected("a metric or '{'");
    if (!AtEnd()) RETURN_IF_ERROR(ParseBraces());
    if (!AtEnd()) return Expected("the end");
    return std::move(matchers_);
  }

 private:
  Result<void> ParseBraces() {
    if (!Take('{')) return Expected("'{' or the end");
    SkipSpace();
    while (!Take('}')) {
      RETURN_IF_ERROR(ParseMatcher());
      SkipSpace();
      if (Take(',')) {
        SkipSpace();
      } else if (AtEnd() || Peek() != '}') {
        return Expected("',' or '}'");
      }
    }
    SkipSpace();
    return {};
  }

  Result<void> ParseMatcher() {
    if (matchers_.size() == kMostMatchers) {
      return Fail(ErrorCode::kInvalidInput, "position {}: more than {} matchers", position_ + 1,
                  kMostMatchers);
    }
    const bool quoted = !AtEnd() && IsQuote(Peek());
    std::string name;
    if (quoted) {
      const size_t begin = position_;
      ASSIGN_OR_RETURN(name, TakeString());
      if (name.empty()) {
        return Fail(ErrorCode::kInvalidInput, "position {}: an empty name", begin + 1);
      }
    } else {
      name = TakeName();
      if (name.empty()) return Expected("a label or '}'");
    }
    SkipSpace();
    const std::optional<MatchOp> op = TakeOp();
    if (!op) {
      if (!quoted || (!AtEnd() && Peek() != ',' && Peek() != '}')) {
        return Expected("=, !=, =~ or !~ after '" +
                        std::string(shared::text::TruncateUtf8(name, 100)) + "'");
      }
      Add(std::string(kMetricLabel), MatchOp::kEqual, std::move(name));
      return {};
    }
    SkipSpace();
    if (AtEnd() || !IsQuote(Peek())) return Expected("a string in quotes");
    ASSIGN_OR_RETURN(std::string value, TakeString());
    Add(std::move(name), *op, std::move(value));
    return {};
  }

  std::optional<MatchOp> TakeOp() {
    const std::string_view next = text_.substr(position_, 2);
    if (next == "!=" || next == "=~" || next == "!~") {
      position_ += 2;
      if (next == "!=") return MatchOp::kNotEqual;
      return next == "=~" ? MatchOp::kMatches : MatchOp::kNotMatches;
    }
    if (Take('=')) return MatchOp::kEqual;
    return std::nullopt;
  }

  Result<std::string> TakeString() {
    const size_t begin = position_;
    const char quote = text_[position_++];
    std::string out;
    while (!AtEnd()) {
      const char c = text_[position_++];
      if (c == quote) return out;
      if (c == '\\' && quote != '`') {
        RETURN_IF_ERROR(TakeEscape(quote, out));
      } else {
        out.push_back(c);
      }
    }
    return Fail(ErrorCode::kInvalidInput, "position {}: a string without an end", begin + 1);
  }

  // After the backslash.
  Result<void> TakeEscape(char quote, std::string& out) {
    const size_t begin = position_ - 1;
    const auto wrong = [&] {
      return Fail(ErrorCode::kInvalidInput, "position {}: an unknown escape", begin + 1);
    };
    if (AtEnd()) return wrong();
    const char c = text_[position_++];
    constexpr std::string_view kNames = "abfnrtv\\";
    constexpr std::string_view kBytes = "\a\b\f\n\r\t\v\\";
    if (const size_t known = kNames.find(c); known != std::string_view::npos) {
      out.push_back(kBytes[known]);
      return {};
    }
    if (c == quote) {
      out.push_back(c);
      return {};
    }
    const bool octal = c >= '0' && c <= '3';
    const size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : octal ? 3 : 0;
    if (octal) position_ -= 1;
    const std::string_view number = text_.substr(position_, digits);
    if (digits == 0 || number.size() != digits) return wrong();
    const auto code = shared::text::ParseNumber<uint32_t>(number, octal ? 8 : 16);
    if (!code || *code > 0x10FFFF || (*code >= 0xD800 && *code < 0xE000)) return wrong();
    position_ += digits;
    if (c == 'x' || octal) {
      out.push_back(static_cast<char>(*code));
    } else {
      AppendUtf8(*code, out);
    }
    return {};
  }

  tl::unexpected<shared::Error> Expected(std::string_view what) const {
    return Fail(ErrorCode::kInvalidInput, "position {}: expected {}", position_ + 1, what);
  }
  void Add(std::string name, MatchOp op, std::string value) {
    matchers_.push_back({std::move(name), op, std::move(value)});
  }
  std::string_view TakeName() {
    const size_t begin = position_;
    while (!AtEnd() && IsNameByte(Peek())) ++position_;
    return text_.substr(begin, position_ - begin);
  }
  bool Take(char c) {
    if (AtEnd() || Peek() != c) return false;
    ++position_;
    return true;
  }
  void SkipSpace() {
    while (!AtEnd() && (Peek() == ' ' || Peek() == '\t' || Peek() == '\n' || Peek() == '\r')) {
      ++position_;
    }
  }
  static bool IsQuote(char c) { return c == '"' || c == '\'' || c == '`'; }
  [[nodiscard]] bool AtEnd() const { return position_ == text_.size(); }
  [[nodiscard]] char Peek() const { return text_[position_]; }

  const std::string_view text_;
  size_t position_ = 0;
  std::vector<Matcher> matchers_;
};

}  // namespace

Result<std::vector<Matcher>> ParseSelector(std::string_view text) {
  return Parser(text).Parse();
}

}  // namespace collector::api
