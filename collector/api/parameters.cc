#include "collector/api/parameters.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "shared/text/cursor.h"
#include "shared/text/edit_distance.h"
#include "shared/text/time_text.h"
#include "shared/text/utf8.h"

namespace collector::api {
namespace {

using shared::text::FormatTime;
using shared::text::ParseDuration;
using shared::text::ParseNumber;
using shared::text::ParseTime;

constexpr std::string_view kLabelPrefix = "label.";

std::string Quoted(std::string_view value) {
  return fmt::format("'{}'", shared::text::TruncateUtf8(value, 100));
}

}  // namespace

const std::string* Parameters::Find(std::string_view name) {
  known_.emplace_back(name);
  return request_.QueryParameter(name);
}

void Parameters::AddFault(std::string_view name, std::string_view value,
                          std::string_view expected) {
  faults_.push_back(fmt::format("parameter '{}': {}: expected {}", name, Quoted(value), expected));
}

void Parameters::Require(std::string_view name, std::string_view with) {
  faults_.push_back(fmt::format("parameter '{}' is required with '{}'", name, with));
}

std::optional<std::string> Parameters::Text(std::string_view name) {
  const std::string* value = Find(name);
  if (value == nullptr) return std::nullopt;
  if (value->empty()) {
    AddFault(name, *value, "a value");
    return std::nullopt;
  }
  return *value;
}

std::string Parameters::RequiredText(std::string_view name) {
  const std::string* value = Find(name);
  if (value != nullptr && !value->empty()) return *value;
  faults_.push_back(fmt::format("parameter '{}' is required", name));
  return {};
}

uint64_t Parameters::Integer(std::string_view name, uint64_t fallback, uint64_t least,
                             uint64_t most) {
  const std::string* text = Find(name);
  if (text == nullptr) return fallback;
  const std::optional<uint64_t> value = ParseNumber<uint64_t>(*text);
  if (value && *value >= least && *value <= most) return *value;
  AddFault(name, *text, fmt::format("a number from {} to {}", least, most));
  return fallback;
}

std::optional<int64_t> Parameters::SignedInteger(std::string_view name) {
  const std::string* text = Find(name);
  if (text == nullptr) return std::nullopt;
  const std::optional<int64_t> value = ParseNumber<int64_t>(*text);
  if (!value) AddFault(name, *text, "a 64-bit whole number");
  return value;
}

bool Parameters::Flag(std::string_view name, bool fallback) {
  const std::string* text = Find(name);
  if (text == nullptr) return fallback;
  if (*text == "true") return true;
  if (*text != "false") AddFault(name, *text, "true or false");
  return *text == "false" ? false : fallback;
}

std::string Parameters::OneOf(std::string_view name, std::span<const std::string_view> allowed) {
  const std::string* text = Find(name);
  if (text == nullptr) return std::string(allowed.front());
  if (std::find(allowed.begin(), allowed.end(), *text) != allowed.end()) return *text;
  AddFault(name, *text, fmt::format("one of {}", fmt::join(allowed, ", ")));
  return std::string(allowed.front());
}

std::chrono::milliseconds Parameters::Duration(std::string_view name,
                                               std::chrono::milliseconds fallback,
                                               std::chrono::milliseconds least,
                                               std::chrono::milliseconds most) {
  const std::string* text = Find(name);
  if (text == nullptr) return fallback;
  const auto value = ParseDuration(*text);
  if (value && *value >= least && *value <= most) return *value;
  AddFault(name, *text,
           fmt::format("a duration from {} ms to {} ms, like 30s, 15m, 1h30m", least.count(),
                       most.count()));
  return fallback;
}

std::optional<shared::WallTime> Parameters::Time(std::string_view name) {
  const std::string* text = Find(name);
  if (text == nullptr) return std::nullopt;
  const std::optional<shared::WallTime> time = ParseTime(*text, now_);
  if (!time) {
    AddFault(name, *text,
             "a time: RFC 3339 (2026-11-21T08:00:00Z), seconds since 1970, or now-15m");
  }
  return time;
}

TimeRange Parameters::Range(std::chrono::milliseconds window) {
  TimeRange range;
  range.to = Time("to").value_or(now_ + std::chrono::nanoseconds(1));
  range.from = Time("from").value_or(range.to - window);
  if (range.from >= range.to) {
    faults_.push_back(fmt::format("parameter 'from' ({}) must be before 'to' ({})",
                                  FormatTime(range.from), FormatTime(range.to)));
  }
  return range;
}

shared::model::Labels Parameters::LabelMatchers() {
  label_matchers_ = true;
  shared::model::Labels labels;
  for (const auto& [name, value] : request_.query) {
    if (!name.starts_with(kLabelPrefix)) continue;
    labels.push_back({name.substr(kLabelPrefix.size()), value});
  }
  std::sort(labels.begin(), labels.end());
  return labels;
}

shared::Result<void> Parameters::Check() {
  std::vector<std::string_view> seen;
  for (const auto& [name, value] : request_.query) {
    if (std::find(seen.begin(), seen.end(), name) != seen.end()) {
      faults_.push_back(fmt::format("parameter '{}' is given more than once", name));
      continue;
    }
    seen.push_back(name);
    if (label_matchers_ && name.starts_with(kLabelPrefix)) continue;
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    const std::vector<std::string_view> candidates(known_.begin(), known_.end());
    const std::string_view near = shared::text::DidYouMean(name, candidates);
    faults_.push_back(fmt::format("parameter {}: unknown{}allowed: {}{}", Quoted(name),
                                  near.empty() ? "; " : fmt::format("; did you mean '{}'? ", near),
                                  fmt::join(known_, ", "),
                                  label_matchers_ ? ", label.<name>" : ""));
  }
  if (faults_.empty()) return {};
  return shared::Fail(shared::ErrorCode::kInvalidInput, "{}", fmt::join(faults_, "; "));
}

}  // namespace collector::api
