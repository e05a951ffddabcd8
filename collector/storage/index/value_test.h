#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "collector/api/matcher.h"
#include "shared/base/result.h"

namespace re2 {
class RE2;
}

namespace collector::storage {

// One matcher, ready to judge values. Matching is linear in the value (RE2), anchored; "." matches
// a line break too. Thread-safe once made; movable.
class ValueTest {
 public:
  // kInvalidInput: host=~"db(": missing ): db(
  static shared::Result<ValueTest> Make(const api::Matcher& matcher);
  ~ValueTest();
  ValueTest(ValueTest&&) noexcept;
  ValueTest& operator=(ValueTest&&) noexcept;

  [[nodiscard]] bool Accepts(std::string_view value) const;
  // Whether a series without the label passes.
  [[nodiscard]] bool accepts_empty() const { return accepts_empty_; }
  // All values that pass, when they can be listed: ="a", =~"a|b". Empty: they cannot.
  [[nodiscard]] const std::vector<std::string>& literals() const { return literals_; }

 private:
  ValueTest();

  bool negated_ = false;
  bool accepts_empty_ = false;
  bool prefix_only_ = false;           // the pattern is text_ and ".*"
  std::string text_;                   // of = and !=; of a pattern: what its matches begin with
  std::unique_ptr<re2::RE2> pattern_;  // of =~ and !~
  std::vector<std::string> literals_;
};

}  // namespace collector::storage
