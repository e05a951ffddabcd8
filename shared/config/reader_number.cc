#include <fmt/format.h>

#include <optional>

#include "shared/config/expand.h"
#include "shared/config/phrases.h"
#include "shared/config/reader.h"
#include "shared/config/units.h"
#include "shared/text/cursor.h"

// Reader's integers, durations and sizes.
namespace shared::config {
namespace {

constexpr std::string_view kDurationFix =
    "write a whole number and a unit (d, h, m, s, ms): \"10s\", \"1m30s\" or \"500ms\"";
constexpr std::string_view kBytesFix =
    "write a whole number and a unit (B, KiB, MiB, GiB): \"64MiB\" or \"512KiB\"";

}  // namespace

int64_t Reader::ReadInteger(std::string_view key, int64_t fallback, Bounds<int64_t> bounds) {
  const Node* node = Take(key);
  if (node == nullptr) {
    Record(key, nullptr, fmt::format("{}", fallback));
    return fallback;
  }
  Text text;
  std::optional<int64_t> value;
  if (node->kind == Node::Kind::kInteger) {
    value = node->integer;
  } else if (node->kind == Node::Kind::kString && HasReference(node->text)) {
    text = ExpandNode(*node, false);
    if (!text.ok) return fallback;
    value = text::ParseNumber<int64_t>(text.value);
    if (!value) {
      AddProblem(key, "expected an integer behind the reference");
      return fallback;
    }
  } else {
    Mismatch(*node, "an integer", fmt::format("{}", fallback));
    return fallback;
  }
  if (*value < bounds.min || *value > bounds.max) {
    AddProblem(key, fmt::format("{} is out of range: it must be from {} to {}", *value, bounds.min,
                                bounds.max));
    return fallback;
  }
  Record(key, node, fmt::format("{}", *value), text.origins);
  return *value;
}

std::chrono::nanoseconds Reader::ReadDuration(std::string_view key,
                                              std::chrono::nanoseconds fallback,
                                              DurationBounds bounds,
                                              std::chrono::nanoseconds unit) {
  const Node* node = Take(key);
  if (node == nullptr) {
    Record(key, nullptr, QuoteToml(FormatDuration(fallback)));
    return fallback;
  }
  if (node->kind == Node::Kind::kInteger) {
    AddProblem(key, fmt::format("expected a duration, found {}: the unit is missing", Found(*node)),
               kDurationFix);
    return fallback;
  }
  if (node->kind != Node::Kind::kString) {
    Mismatch(*node, "a duration", QuoteToml(FormatDuration(fallback)));
    return fallback;
  }
  const Text text = ExpandNode(*node, false);
  if (!text.ok) return fallback;
  const Result<std::chrono::nanoseconds> value = ParseDuration(text.value);
  if (!value) {
    AddProblem(key, fmt::format("{} is not a duration: {}", text.Shown(), value.error().message),
               kDurationFix);
    return fallback;
  }
  if (*value < bounds.min || *value > bounds.max) {
    AddProblem(key, fmt::format("{} is out of range: it must be from {} to {}", text.Shown(),
                                FormatDuration(bounds.min), FormatDuration(bounds.max)));
    return fallback;
  }
  if (*value % unit != std::chrono::nanoseconds(0)) {
    AddProblem(key, fmt::format("{} is too fine: it must be a multiple of {}", text.Shown(),
                                FormatDuration(unit)));
    return fallback;
  }
  Record(key, node, QuoteToml(FormatDuration(*value)), text.origins);
  return *value;
}

uint64_t Reader::ReadBytes(std::string_view key, uint64_t fallback, Bounds<uint64_t> bounds) {
  const Node* node = Take(key);
  if (node == nullptr) {
    Record(key, nullptr, QuoteToml(FormatBytes(fallback)));
    return fallback;
  }
  if (node->kind == Node::Kind::kInteger) {
    AddProblem(key, fmt::format("expected a size, found {}: the unit is missing", Found(*node)),
               kBytesFix);
    return fallback;
  }
  if (node->kind != Node::Kind::kString) {
    Mismatch(*node, "a size", QuoteToml(FormatBytes(fallback)));
    return fallback;
  }
  const Text text = ExpandNode(*node, false);
  if (!text.ok) return fallback;
  const Result<uint64_t> value = ParseBytes(text.value);
  if (!value) {
    AddProblem(key, fmt::format("{} is not a size: {}", text.Shown(), value.error().message),
               kBytesFix);
    return fallback;
  }
  if (*value < bounds.min || *value > bounds.max) {
    AddProblem(key, fmt::format("{} is out of range: it must be from {} to {}", text.Shown(),
                                FormatBytes(bounds.min), FormatBytes(bounds.max)));
    return fallback;
  }
  Record(key, node, QuoteToml(FormatBytes(*value)), text.origins);
  return *value;
}

}  // namespace shared::config
