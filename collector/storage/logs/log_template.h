#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collector/storage/logs/body_words.h"

namespace collector::storage {

// What messages of one kind have in common: "connection received: host=<*> port=<*>". "<*>" stands
// for one word, "<**>" at the end for a tail of any text (body_words.h). In the database a template
// is its text.
struct LogTemplate {
  std::vector<std::string> gaps;                  // before, between and after the words
  std::vector<std::optional<std::string>> words;  // nullopt: <*>
  bool tail = false;                              // <**>

  [[nodiscard]] std::string Text() const;
  [[nodiscard]] size_t holes() const;
  // Whether a body has this form; `words` is a buffer.
  [[nodiscard]] bool Matches(std::string_view body, BodyWords& words) const;
  // Whether some body has both forms: same gaps, and no two constant words that differ.
  [[nodiscard]] bool CanMatchWith(const LogTemplate& other) const;
  friend bool operator==(const LogTemplate&, const LogTemplate&) = default;
};

// The form of a body, its variable words as holes.
LogTemplate TemplateOf(std::string_view body, const BodyWords& words);

// Back from its text. nullopt: not a text that Text() makes.
std::optional<LogTemplate> ParseTemplate(std::string_view text);

// Names a template for ever, on every collector: of a source ("postgres") and a text.
uint64_t TemplateHash(std::string_view source, std::string_view text);

}  // namespace collector::storage
