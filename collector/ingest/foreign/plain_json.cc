#include "collector/ingest/foreign/plain_json.h"

#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "collector/ingest/foreign/json_document.h"
#include "collector/ingest/foreign/plain_units.h"
#include "shared/model/block.h"
#include "shared/text/time_text.h"

namespace collector::ingest::foreign {
namespace {

using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using simdjson::dom::element;

std::optional<double> ParseDouble(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string NormalisedName(std::string_view name) {
  std::string out(name);
  for (char& byte : out) {
    const bool letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
    const bool digit = byte >= '0' && byte <= '9';
    if (!letter && !digit && std::string_view("_.:/-").find(byte) == std::string_view::npos) {
      byte = '_';
    }
  }
  return out;
}

// A positive number of unknown unit as nanoseconds (plain_json.h). Whole numbers keep every digit.
std::optional<uint64_t> NanosOf(const element& number) {
  struct Scale {
    double below;
    uint64_t nanos;
  };
  constexpr Scale kScales[] = {
      {1e11, 1'000'000'000}, {1e14, 1'000'000}, {1e17, 1'000}, {1.8e19, 1}};
  const auto scale_of = [&](double value) -> uint64_t {
    if (!(value >= 0)) return 0;
    for (const auto& [below, nanos] : kScales) {
      if (value < below) return nanos;
    }
    return 0;
  };
  uint64_t whole = 0;
  if (number.get(whole) == simdjson::SUCCESS) {
    const uint64_t scale = scale_of(static_cast<double>(whole));
    uint64_t nanos = 0;
    if (scale == 0 || __builtin_mul_overflow(whole, scale, &nanos)) return std::nullopt;
    return nanos;
  }
  double real = 0;
  if (number.get(real) != simdjson::SUCCESS) return std::nullopt;
  const uint64_t scale = scale_of(real);
  // Split, for a double of seconds has digits down to tenths of microseconds only.
  const double seconds = std::floor(real);
  const double nanos = seconds * static_cast<double>(scale) +
                       std::round((real - seconds) * static_cast<double>(scale));
  if (scale == 0 || !(nanos < 1.8e19)) return std::nullopt;
  return static_cast<uint64_t>(seconds) * scale +
         static_cast<uint64_t>(std::round((real - seconds) * static_cast<double>(scale)));
}

class Reader {
 public:
  Reader(const ForeignRecord& record, const ForeignLimits& limits, PointTable& table,
         Refusals& refusals)
      : record_(record),
        limits_(limits),
        table_(table),
        refusals_(refusals),
        document_(limits.nesting),
        nested_(limits.nesting) {}

  Result<void> ReadAll() {
    const Result<element> root = document_.Parse(record_.value);
    if (root) return ReadRoot(*root);
    // Not one text: perhaps one a line. If not even the first line is one, it is not.
    const std::string_view first = record_.value.substr(0, record_.value.find('\n'));
    if (first.size() == record_.value.size() || !document_.Parse(first)) {
      return tl::make_unexpected(root.error());
    }
    ReadLines();
    return {};
  }

 private:
  struct Point {
    std::string host;
    std::string metric;
    std::optional<double> value;
    std::optional<uint64_t> unix_nano;
    PlainUnit unit;
    shared::model::Labels tags;
  };

  void ReadLines();
  Result<void> ReadRoot(const element& root);
  void ReadElement(const element& value, size_t index);
  Result<Point> ReadPoint(const element& value);
  Result<void> ReadMember(std::string_view key, const element& value, Point& point);
  Result<void> ReadValue(const element& value, Point& point);
  Result<void> ReadTime(const element& value, Point& point);

  const ForeignRecord& record_;
  const ForeignLimits& limits_;
  PointTable& table_;
  Refusals& refusals_;
  JsonDocument document_;
  JsonDocument nested_;  // of numbers within strings
};

void Reader::ReadLines() {
  std::string_view rest = record_.value;
  for (size_t line = 1; !rest.empty(); ++line) {
    const std::string_view text = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), text.size() + 1));
    if (text.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    Result<element> root = document_.Parse(text);
    Result<void> read = root ? ReadRoot(*root) : tl::make_unexpected(std::move(root).error());
    if (!read) {
      refusals_.Add("malformed_json", 1, fmt::format("line {}: {}", line, read.error().message));
    }
  }
}

Result<void> Reader::ReadRoot(const element& root) {
  simdjson::dom::array array;
  if (root.get(array) == simdjson::SUCCESS) {
    size_t index = 0;
    for (const element& value : array) ReadElement(value, index++);
    return {};
  }
  if (!root.is_object()) {
    return Fail(ErrorCode::kMalformed, "byte 0: expected an object or an array of objects");
  }
  ReadElement(root, 0);
  return {};
}

void Reader::ReadElement(const element& value, size_t index) {
  Result<Point> point = ReadPoint(value);
  if (!point) {
    refusals_.Add("malformed_point", 1, fmt::format("point {}: {}", index, point.error().message));
    return;
  }
  shared::model::Labels resource;
  if (!point->host.empty()) resource.push_back({"host.name", std::move(point->host)});
  const Source source = SourceOf(std::move(resource), record_.topic);
  if (const std::string_view fault = LabelFault(source.host.front(), limits_); !fault.empty()) {
    refusals_.Add(fault, 1, fmt::format("point {}: host", index));
    return;
  }
  double sample = std::bit_cast<double>(shared::model::kStaleBits);
  if (point->value) sample = *point->value * point->unit.factor;
  const uint64_t time =
      point->unix_nano.value_or(static_cast<uint64_t>(shared::ToUnixNanos(record_.timestamp)));
  PointTable::Family& family = table_.Open(source, point->metric);
  table_.Add(family,
             {std::move(point->metric), std::move(point->unit.name),
              shared::model::MetricKind::kGauge, std::move(point->tags)},
             time, sample);
}

Result<Reader::Point> Reader::ReadPoint(const element& value) {
  simdjson::dom::object object;
  if (value.get(object) != simdjson::SUCCESS) {
    return Fail(ErrorCode::kMalformed, "expected an object");
  }
  Point point;
  bool has_value = false;
  for (const auto [key, member] : object) {
    RETURN_IF_ERROR(ReadMember(key, member, point));
    has_value = has_value || key == "value";
  }
  if (point.metric.empty()) return Fail(ErrorCode::kMalformed, "metric is missing");
  if (!has_value) return Fail(ErrorCode::kMalformed, "value is missing");
  return point;
}

Result<void> Reader::ReadMember(std::string_view key, const element& value, Point& point) {
  std::string_view text;
  const bool is_text = value.get(text) == simdjson::SUCCESS;
  if (key == "value") return ReadValue(value, point);
  if (key == "ts_event") return ReadTime(value, point);
  if (key == "host" || key == "metric" || key == "unit") {
    if (value.is_null()) return {};
    if (!is_text) return Fail(ErrorCode::kMalformed, "{}: expected a string", key);
    if (key == "host") point.host = text;
    if (key == "metric") point.metric = NormalisedName(text);
    if (key == "unit") point.unit = ToBaseUnit(text);
    return {};
  }
  if (key != "tags" || value.is_null()) return {};
  simdjson::dom::object tags;
  if (value.get(tags) != simdjson::SUCCESS) {
    return Fail(ErrorCode::kMalformed, "tags: expected an object");
  }
  for (const auto [name, tag] : tags) {
    const bool plain = tag.get(text) == simdjson::SUCCESS;
    if (tag.is_null()) continue;
    point.tags.push_back(
        {std::string(name), plain ? std::string(text) : std::string(simdjson::minify(tag))});
  }
  return {};
}

Result<void> Reader::ReadValue(const element& value, Point& point) {
  if (value.is_null()) return {};
  std::string_view text;
  double number = 0;
  if (value.get(text) == simdjson::SUCCESS) {
    point.value = ParseDouble(text);
  } else if (value.get(number) == simdjson::SUCCESS) {
    point.value = number;
  }
  if (!point.value) {
    return Fail(ErrorCode::kMalformed, "value: expected a number, one as a string, or null");
  }
  return {};
}

Result<void> Reader::ReadTime(const element& value, Point& point) {
  if (value.is_null()) return {};
  std::string_view text;
  if (value.get(text) != simdjson::SUCCESS) {
    point.unix_nano = NanosOf(value);
  } else if (const auto first = text.find_first_of("-:T"); first == 4) {
    if (const auto time = shared::text::ParseTime(text, {})) {
      point.unix_nano = static_cast<uint64_t>(shared::ToUnixNanos(*time));
    }
  } else if (const Result<element> number = nested_.Parse(text)) {
    point.unix_nano = NanosOf(*number);
  }
  if (!point.unix_nano) {
    return Fail(ErrorCode::kMalformed,
                "ts_event: expected RFC 3339 or a number of seconds, milliseconds, microseconds or "
                "nanoseconds since 1970");
  }
  return {};
}

}  // namespace

Result<void> ReadPlainJson(const ForeignRecord& record, const ForeignLimits& limits,
                           PointTable& table, Refusals& refusals) {
  return Reader(record, limits, table, refusals).ReadAll();
}

}  // namespace collector::ingest::foreign
