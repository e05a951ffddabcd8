#include "agent/postgres/statements/sql_tokenizer.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include "shared/text/cursor.h"
#include "shared/text/utf8.h"

namespace agent::postgres::statements {
namespace {

constexpr std::string_view kSpace = " \t\n\r\f\v";

bool IsSpace(char c) {
  return kSpace.find(c) != std::string_view::npos;
}
bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}
bool IsIdentifierStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool IsIdentifierPart(char c) {
  return IsIdentifierStart(c) || IsDigit(c) || c == '$';
}

bool EqualsIgnoringCase(std::string_view text, std::string_view lower) {
  return text.size() == lower.size() &&
         std::equal(text.begin(), text.end(), lower.begin(), [](char a, char b) {
           return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
         });
}

// Words that are types and can never be function names unless quoted (col_name_keyword in the
// server's gram.y), so that numbers in parentheses behind them are sizes.
constexpr std::array<std::string_view, 15> kSizedTypes = {
    "bit",   "char",    "character", "dec",       "decimal", "float",   "interval", "national",
    "nchar", "numeric", "time",      "timestamp", "varchar", "varying", "precision"};

bool IsSizedType(std::string_view word) {
  return std::any_of(kSizedTypes.begin(), kSizedTypes.end(),
                     [&](std::string_view type) { return EqualsIgnoringCase(word, type); });
}

// Length of "(10)" or "( 12, 2 )" at the start of `text`; 0 when it is something else. At most four
// digits a number: no type takes more, a card number has more. A sized type takes at most
// numeric's two.
size_t TypeSizeLength(std::string_view text) {
  size_t at = 0;
  const auto skip_space = [&] {
    while (at < text.size() && IsSpace(text[at])) ++at;
  };
  skip_space();
  if (at == text.size() || text[at] != '(') return 0;
  for (int numbers = 1; numbers <= 2; ++numbers) {
    ++at;
    skip_space();
    const size_t digits = at;
    while (at < text.size() && IsDigit(text[at])) ++at;
    if (at == digits || at - digits > 4) return 0;
    skip_space();
    if (at == text.size()) return 0;
    if (text[at] == ')') return at + 1;
    if (text[at] != ',') return 0;
  }
  return 0;
}

// Reads $1 … $65535 at the start of `text`; nullopt when it is no parameter. Longer numbers are
// none that a server takes, and could be anything.
std::optional<std::pair<uint32_t, size_t>> TakeParameter(std::string_view text) {
  size_t end = 1;
  while (end < text.size() && IsDigit(text[end])) ++end;
  if (end == 1 || end > 6) return std::nullopt;
  const std::optional<uint32_t> number =
      shared::text::ParseNumber<uint32_t>(text.substr(1, end - 1));
  if (!number || *number > 65'535) return std::nullopt;
  return std::pair(*number, end);
}

// The tokens of one text, one after the other.
class Scanner {
 public:
  enum class Kind { kLiteral, kParameter, kWord, kQuotedWord, kSymbol };

  explicit Scanner(std::string_view text) : text_(text) {}

  // Moves to the next token; false at the end. Comments and white space lie between tokens.
  bool Next() {
    space_before_ = SkipSpaceAndComments();
    start_ = at_;
    if (at_ == text_.size()) return false;
    Scan();
    return true;
  }
  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] std::string_view token() const { return text_.substr(start_, at_ - start_); }
  [[nodiscard]] bool space_before() const { return space_before_; }
  [[nodiscard]] uint32_t parameter() const { return parameter_; }  // of a kParameter

  // What follows the token; and makes the first `length` bytes of it part of the token.
  [[nodiscard]] std::string_view rest() const { return text_.substr(at_); }
  void Extend(size_t length) { at_ += length; }

 private:
  [[nodiscard]] char Peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }

  bool SkipSpaceAndComments() {
    const size_t start = at_;
    for (;;) {
      if (at_ < text_.size() && IsSpace(text_[at_])) {
        ++at_;
      } else if (Peek() == '-' && Peek(1) == '-') {
        at_ = std::min(text_.find_first_of("\n\r", at_), text_.size());
      } else if (Peek() == '/' && Peek(1) == '*') {
        SkipBlockComment();
      } else {
        return at_ > start;
      }
    }
  }

  void SkipBlockComment() {  // they nest
    size_t depth = 0;
    do {
      if (Peek() == '/' && Peek(1) == '*') {
        depth += 1;
        at_ += 2;
      } else if (Peek() == '*' && Peek(1) == '/') {
        depth -= 1;
        at_ += 2;
      } else {
        at_ += 1;
      }
    } while (depth > 0 && at_ < text_.size());
    at_ = std::min(at_, text_.size());
  }

  void Scan() {
    const char c = Peek();
    if (c == '\'') {
      ScanPlainString();
    } else if (c == '"') {
      ScanQuotedWord();
    } else if (c == '$') {
      ScanDollar();
    } else if (IsDigit(c) || (c == '.' && IsDigit(Peek(1)))) {
      ScanNumber();
    } else if (IsIdentifierStart(c)) {
      ScanWord();
    } else {
      kind_ = Kind::kSymbol;
      ++at_;
    }
  }

  // From the opening quote.
  void ScanPlainString() {
    kind_ = Kind::kLiteral;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '\\') {
        const size_t backslashes = std::min(text_.find_first_not_of('\\', at_), text_.size()) - at_;
        at_ += backslashes - 1;
        if (backslashes % 2 == 1 && Peek(1) == '\'') {
          at_ = text_.size();  // ambiguous: see the header
          return;
        }
      } else if (text_[at_] == '\'') {
        if (Peek(1) != '\'') {
          ++at_;
          return;
        }
        ++at_;
      }
    }
  }

  void ScanEscapeString() {
    kind_ = Kind::kLiteral;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '\\') {
        ++at_;
      } else if (text_[at_] == '\'') {
        if (Peek(1) != '\'') {
          ++at_;
          return;
        }
        ++at_;
      }
    }
    at_ = text_.size();
  }

  // From the opening quote; an unfinished one could be anything and goes like a literal.
  void ScanQuotedWord() {
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] != '"') continue;
      if (Peek(1) != '"') {
        ++at_;
        kind_ = Kind::kQuotedWord;
        return;
      }
      ++at_;
    }
    kind_ = Kind::kLiteral;
  }

  // A parameter, a dollar-quoted string, or a lone '$'.
  void ScanDollar() {
    if (const auto parameter = TakeParameter(text_.substr(at_))) {
      kind_ = Kind::kParameter;
      parameter_ = parameter->first;
      at_ += parameter->second;
      return;
    }
    if (IsDigit(Peek(1))) {
      ++at_;
      ScanNumber();
      return;
    }
    size_t end = at_ + 1;
    while (end < text_.size() && text_[end] != '$' && IsIdentifierPart(text_[end])) ++end;
    if (end == text_.size() || text_[end] != '$') {
      kind_ = Kind::kSymbol;  // it opens nothing; at the end of a text that was cut, a tag at most
      at_ += 1;
      return;
    }
    const std::string_view tag = text_.substr(at_, end + 1 - at_);
    const size_t close = text_.find(tag, end + 1);
    kind_ = Kind::kLiteral;
    at_ = close == std::string_view::npos ? text_.size() : close + tag.size();
  }

  // 1, 1.5, .5, 1e-3, 0x1F, 1_000, and whatever is glued to it.
  void ScanNumber() {
    kind_ = Kind::kLiteral;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      const bool sign = (c == '+' || c == '-') &&
                        (text_[at_ - 1] == 'e' || text_[at_ - 1] == 'E') && IsDigit(Peek(1));
      if (!IsIdentifierPart(c) && c != '.' && !sign) return;
      ++at_;
    }
  }

  // An identifier or keyword; or the letter in front of a string, which belongs to the string.
  void ScanWord() {
    while (at_ < text_.size() && IsIdentifierPart(text_[at_])) ++at_;
    const std::string_view word = text_.substr(start_, at_ - start_);
    kind_ = Kind::kWord;
    if (Peek() == '\'' && word.size() == 1) {
      if (EqualsIgnoringCase(word, "e")) {
        ScanEscapeString();
      } else if (EqualsIgnoringCase(word, "b") || EqualsIgnoringCase(word, "x") ||
                 EqualsIgnoringCase(word, "n")) {
        ScanPlainString();
      }
    } else if (EqualsIgnoringCase(word, "u") && Peek() == '&') {
      if (Peek(1) == '\'') {
        ++at_;
        ScanPlainString();
      } else if (Peek(1) == '"') {
        ++at_;
        ScanQuotedWord();
      }
    }
  }

  std::string_view text_;
  size_t at_ = 0;
  size_t start_ = 0;
  Kind kind_ = Kind::kSymbol;
  bool space_before_ = false;
  uint32_t parameter_ = 0;
};

uint32_t HighestParameter(std::string_view text) {
  uint32_t highest = 0;
  for (Scanner scanner(text); scanner.Next();) {
    if (scanner.kind() == Scanner::Kind::kParameter) {
      highest = std::max(highest, scanner.parameter());
    }
  }
  return highest;
}

}  // namespace

RedactedSql RedactSql(std::string_view sql) {
  using Kind = Scanner::Kind;
  std::string cleaned;
  if (!shared::text::IsCleanUtf8(sql)) {
    shared::text::AppendCleanUtf8(sql, cleaned);
    sql = cleaned;
  }
  RedactedSql out;
  out.text.reserve(sql.size());
  uint32_t parameter = HighestParameter(sql);
  size_t depth = 0;
  bool after_literal = false;
  for (Scanner scanner(sql); scanner.Next();) {
    // A placeholder never touches a word: a$1 would be an identifier, $a$1 the start of a string.
    const bool literal = scanner.kind() == Kind::kLiteral;
    const bool glued = !out.text.empty() && IsIdentifierPart(out.text.back()) &&
                       (literal || (after_literal && IsIdentifierPart(scanner.token().front())));
    if ((scanner.space_before() || glued) && !out.text.empty()) out.text += ' ';
    after_literal = literal;
    switch (scanner.kind()) {
      case Kind::kLiteral:
        out.text += '$';
        out.text += std::to_string(++parameter);
        continue;
      case Kind::kWord:
        if (IsSizedType(scanner.token())) scanner.Extend(TypeSizeLength(scanner.rest()));
        break;
      case Kind::kSymbol:
        if (const char c = scanner.token().front(); c == '(' || c == '[') {
          out.nesting = std::max(out.nesting, ++depth);
        } else if ((c == ')' || c == ']') && depth > 0) {
          depth -= 1;
        }
        break;
      case Kind::kParameter:
      case Kind::kQuotedWord:
        break;
    }
    out.text += scanner.token();
  }
  const size_t end = out.text.find_last_not_of("; ");
  out.text.resize(end == std::string::npos ? 0 : end + 1);
  return out;
}

}  // namespace agent::postgres::statements
