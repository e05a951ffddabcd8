#pragma once

#include <string>

namespace collector::api {

// What a label of a series must be, as in a PromQL selector: host=~"db.*". A label that a series
// does not have is "". Regular expressions are RE2's, anchored at both ends.
//
// Beside its own labels a series has `__name__` (its metric), `host` and `host.name` (name of its
// host) and `host.id`; a label of the same name is hidden behind these.
enum class MatchOp { kEqual, kNotEqual, kMatches, kNotMatches };

struct Matcher {
  std::string name;
  MatchOp op = MatchOp::kEqual;
  std::string value;
  friend bool operator==(const Matcher&, const Matcher&) = default;
};

inline constexpr const char* OpText(MatchOp op) {
  constexpr const char* kTexts[] = {"=", "!=", "=~", "!~"};
  return kTexts[static_cast<int>(op)];
}

}  // namespace collector::api
