#pragma once

#include <charconv>
#include <cstddef>
#include <optional>
#include <string_view>

// Walks over text without copying: views into the caller's buffer, which must outlive them.
namespace shared::text {

// One line after the other, without its '\n'. A last line without '\n' counts.
class LineCursor {
 public:
  explicit LineCursor(std::string_view text) : rest_(text) {}

  // Moves to the next line; false at the end.
  bool Next() {
    if (rest_.empty()) return false;
    const size_t end = rest_.find('\n');
    line_ = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    number_ += 1;
    return true;
  }
  [[nodiscard]] std::string_view line() const { return line_; }
  [[nodiscard]] size_t number() const { return number_; }  // from 1

 private:
  std::string_view rest_;
  std::string_view line_;
  size_t number_ = 0;
};

// A number that fills the whole text; nullopt for anything else, also for what does not fit T. No
// white space, no sign '+', no locale. Integers are decimal; the second form takes a base.
template <typename T>
std::optional<T> ParseNumber(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}
template <typename T>
std::optional<T> ParseNumber(std::string_view text, int base) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

// Fields of one line, separated by spaces and tabs.
class FieldCursor {
 public:
  explicit FieldCursor(std::string_view line) : rest_(line) {}

  // The next field; "" at the end.
  std::string_view Take() {
    SkipSpace();
    size_t end = 0;
    while (end < rest_.size() && !IsSpace(rest_[end])) ++end;
    const std::string_view field = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return field;
  }
  // Everything up to `separator`, which is dropped; the whole rest when there is none.
  std::string_view TakeUntil(char separator) {
    SkipSpace();
    const size_t end = rest_.find(separator);
    const std::string_view field = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    return field;
  }
  // The next field as a number; nullopt when it is none or there is none. The field is consumed.
  template <typename T>
  std::optional<T> TakeNumber() {
    return ParseNumber<T>(Take());
  }
  bool Skip(size_t fields) {
    for (size_t i = 0; i < fields; ++i) {
      if (Take().empty()) return false;
    }
    return true;
  }
  [[nodiscard]] std::string_view rest() {
    SkipSpace();
    return rest_;
  }
  [[nodiscard]] bool AtEnd() { return rest().empty(); }

 private:
  // By hand, for find_first_of calls memchr for every byte: it took half of the agent's parsing.
  static bool IsSpace(char c) { return c == ' ' || c == '\t'; }
  void SkipSpace() {
    size_t start = 0;
    while (start < rest_.size() && IsSpace(rest_[start])) ++start;
    rest_.remove_prefix(start);
  }
  std::string_view rest_;
};

}  // namespace shared::text
