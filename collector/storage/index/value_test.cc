#include "collector/storage/index/value_test.h"

#include <re2/re2.h>

#include <algorithm>

#include "shared/text/utf8.h"

namespace collector::storage {
namespace {

using api::MatchOp;
using shared::ErrorCode;
using shared::Fail;
using shared::Result;

constexpr size_t kLongestPattern = 4096;
constexpr int64_t kPatternMemory = int64_t{1} << 20;

// The alternatives of "a|b|c" when nothing in it is special; else none. Dashboards write their
// variables so, and a look-up each beats a pattern over every value.
std::vector<std::string> ListAlternatives(std::string_view pattern) {
  if (pattern.find_first_of("\\^$.[]()*+?{}") != std::string_view::npos) return {};
  std::vector<std::string> out;
  for (size_t begin = 0;;) {
    const size_t end = pattern.find('|', begin);
    out.emplace_back(pattern.substr(begin, end - begin));
    if (end == std::string_view::npos) return out;
    begin = end + 1;
  }
}

// What every value that the pattern matches begins with, as far as that is plain to see: "db-1" of
// "db-1[0-9]". Most values are told apart by it, and do not need the pattern.
std::string_view PlainPrefix(std::string_view pattern) {
  if (pattern.find('|') != std::string_view::npos) return {};
  size_t end = std::min(pattern.find_first_of("\\^$.[]()*+?{}"), pattern.size());
  if (end < pattern.size() &&
      std::string_view("*?{").find(pattern[end]) != std::string_view::npos) {
    // The last character, which may have several bytes, need not be there.
    while (end > 0 && (static_cast<unsigned char>(pattern[end - 1]) & 0xc0) == 0x80) end -= 1;
    end -= end > 0 ? 1 : 0;
  }
  return pattern.substr(0, end);
}

}  // namespace

ValueTest::ValueTest() = default;
ValueTest::~ValueTest() = default;
ValueTest::ValueTest(ValueTest&&) noexcept = default;
ValueTest& ValueTest::operator=(ValueTest&&) noexcept = default;

Result<ValueTest> ValueTest::Make(const api::Matcher& matcher) {
  ValueTest test;
  test.negated_ = matcher.op == MatchOp::kNotEqual || matcher.op == MatchOp::kNotMatches;
  if (matcher.op == MatchOp::kEqual || matcher.op == MatchOp::kNotEqual) {
    test.text_ = matcher.value;
    if (!test.negated_) test.literals_ = {matcher.value};
  } else {
    const auto fail = [&](std::string_view why) {
      return Fail(ErrorCode::kInvalidInput, "{}{}\"{}\": {}", matcher.name, api::OpText(matcher.op),
                  shared::text::TruncateUtf8(matcher.value, 100), why);
    };
    if (matcher.value.size() > kLongestPattern) return fail("longer than 4096 bytes");
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_dot_nl(true);
    options.set_never_capture(true);
    options.set_max_mem(kPatternMemory);
    test.pattern_ = std::make_unique<re2::RE2>(matcher.value, options);
    if (!test.pattern_->ok()) return fail(test.pattern_->error());
    if (!test.negated_) test.literals_ = ListAlternatives(matcher.value);
    test.text_ = PlainPrefix(matcher.value);
    test.prefix_only_ = std::string_view(matcher.value).substr(test.text_.size()) == ".*";
  }
  test.accepts_empty_ = test.Accepts("");
  return test;
}

bool ValueTest::Accepts(std::string_view value) const {
  if (pattern_ == nullptr) return (value == text_) != negated_;
  const bool same = value.starts_with(text_) &&
                    (prefix_only_ ||
                     re2::RE2::FullMatch(re2::StringPiece(value.data(), value.size()), *pattern_));
  return same != negated_;
}

}  // namespace collector::storage
