#include "shared/config/units.h"

#include <fmt/format.h>

#include <limits>
#include <optional>
#include <utility>

#include "shared/text/cursor.h"

namespace shared::config {
namespace {

using std::chrono::nanoseconds;

constexpr std::pair<std::string_view, int64_t> kDurationUnits[] = {{"d", 86'400'000'000'000},
                                                                   {"h", 3'600'000'000'000},
                                                                   {"m", 60'000'000'000},
                                                                   {"s", 1'000'000'000},
                                                                   {"ms", 1'000'000},
                                                                   {"us", 1'000},
                                                                   {"ns", 1}};

constexpr std::pair<std::string_view, uint64_t> kByteUnits[] = {{"TiB", uint64_t{1} << 40},
                                                                {"GiB", uint64_t{1} << 30},
                                                                {"MiB", uint64_t{1} << 20},
                                                                {"KiB", uint64_t{1} << 10},
                                                                {"B", 1},
                                                                {"kB", 1'000},
                                                                {"KB", 1'000},
                                                                {"MB", 1'000'000},
                                                                {"GB", 1'000'000'000},
                                                                {"TB", 1'000'000'000'000}};

bool IsDigit(char byte) {
  return byte >= '0' && byte <= '9';
}

std::string_view TakeDigits(std::string_view& text) {
  size_t end = 0;
  while (end < text.size() && IsDigit(text[end])) end += 1;
  const std::string_view digits = text.substr(0, end);
  text.remove_prefix(end);
  return digits;
}

std::string_view TakeUnit(std::string_view& text) {
  size_t end = 0;
  while (end < text.size() && !IsDigit(text[end])) end += 1;
  const std::string_view unit = text.substr(0, end);
  text.remove_prefix(end);
  return unit;
}

// Mistakes that both have in common.
Result<void> CheckShape(std::string_view text) {
  if (text.empty()) return Fail(ErrorCode::kInvalidInput, "it is empty");
  if (text.starts_with('-')) return Fail(ErrorCode::kInvalidInput, "it is negative");
  if (text.find_first_of(" \t") != std::string_view::npos) {
    return Fail(ErrorCode::kInvalidInput, "there is white space in it");
  }
  if (text.find_first_of(".,") != std::string_view::npos) {
    return Fail(ErrorCode::kInvalidInput, "it has a fraction; use a smaller unit");
  }
  return {};
}

}  // namespace

Result<nanoseconds> ParseDuration(std::string_view text) {
  RETURN_IF_ERROR(CheckShape(text));
  int64_t total = 0;
  int64_t last_factor = std::numeric_limits<int64_t>::max();
  while (!text.empty()) {
    const std::string_view digits = TakeDigits(text);
    if (digits.empty())
      return Fail(ErrorCode::kInvalidInput, "a whole number must stand before each unit");
    const std::optional<int64_t> count = text::ParseNumber<int64_t>(digits);
    const std::string_view unit = TakeUnit(text);
    if (unit.empty()) return Fail(ErrorCode::kInvalidInput, "the unit is missing");
    int64_t factor = 0;
    for (const auto& [name, nanos] : kDurationUnits) {
      if (unit == name) factor = nanos;
    }
    if (factor == 0) return Fail(ErrorCode::kInvalidInput, "there is no unit '{}'", unit);
    if (factor >= last_factor) {
      return Fail(ErrorCode::kInvalidInput, "the larger unit must come first, each once");
    }
    last_factor = factor;
    if (!count || *count > (std::numeric_limits<int64_t>::max() - total) / factor) {
      return Fail(ErrorCode::kInvalidInput, "it is too long (at most 292 years)");
    }
    total += *count * factor;
  }
  return nanoseconds(total);
}

std::string FormatDuration(nanoseconds duration) {
  int64_t rest = duration.count();
  if (rest == 0) return "0s";
  std::string out = rest < 0 ? "-" : "";
  for (const auto& [name, nanos] : kDurationUnits) {
    const int64_t count = rest / nanos;
    rest %= nanos;
    if (count != 0) out += fmt::format("{}{}", count < 0 ? -count : count, name);
  }
  return out;
}

Result<uint64_t> ParseBytes(std::string_view text) {
  RETURN_IF_ERROR(CheckShape(text));
  const std::string_view digits = TakeDigits(text);
  if (digits.empty())
    return Fail(ErrorCode::kInvalidInput, "a whole number must stand before the unit");
  if (text.empty()) return Fail(ErrorCode::kInvalidInput, "the unit is missing");
  const std::optional<uint64_t> count = text::ParseNumber<uint64_t>(digits);
  for (const auto& [name, factor] : kByteUnits) {
    if (text != name) continue;
    if (!count || *count > std::numeric_limits<uint64_t>::max() / factor) {
      return Fail(ErrorCode::kInvalidInput, "it is too large");
    }
    return *count * factor;
  }
  return Fail(ErrorCode::kInvalidInput, "there is no unit '{}'", text);
}

std::string FormatBytes(uint64_t bytes) {
  if (bytes == 0) return "0B";
  for (const auto& [name, factor] : kByteUnits) {
    if (bytes % factor == 0) return fmt::format("{}{}", bytes / factor, name);
  }
  return fmt::format("{}B", bytes);
}

}  // namespace shared::config
