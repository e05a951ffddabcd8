#include "collector/storage/sql_text.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <chrono>

#include "shared/text/hex.h"
#include "shared/text/json.h"
#include "shared/text/utf8.h"

namespace collector::storage {
namespace {

std::string FormatMicros(std::chrono::sys_time<std::chrono::microseconds> time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:06}+00", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

}  // namespace

std::string FormatTimestamp(shared::WallTime time) {
  return FormatMicros(std::chrono::floor<std::chrono::microseconds>(time));
}

std::string FormatTimestampUp(shared::WallTime time) {
  return FormatMicros(std::chrono::ceil<std::chrono::microseconds>(time));
}

std::string EpochMicros(std::string_view column) {
  return fmt::format("(extract(epoch FROM {})*1000000)::int8", column);
}

shared::WallTime FromUnixMicros(int64_t micros) {
  return shared::WallTime(std::chrono::microseconds(micros));
}

void ArrayText::Separate() {
  if (out_.size() > 1) out_.push_back(',');
}

void ArrayText::Add(int64_t value) {
  Separate();
  fmt::format_to(std::back_inserter(out_), "{}", value);
}

void ArrayText::Add(std::string_view text) {
  Separate();
  std::string cleaned;
  if (!shared::text::IsCleanUtf8(text)) {
    cleaned = shared::text::CleanUtf8(text);
    text = cleaned;
  }
  out_.push_back('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') out_.push_back('\\');
    out_.push_back(c);
  }
  out_.push_back('"');
}

void ArrayText::AddNull() {
  Separate();
  out_ += "NULL";
}

std::string ArrayText::Take() {
  out_.push_back('}');
  return std::exchange(out_, "{");
}

void AppendJsonbString(std::string_view text, std::string& out) {
  if (shared::text::IsCleanUtf8(text)) {
    shared::text::AppendJsonString(text, out);
  } else {
    shared::text::AppendJsonString(shared::text::CleanUtf8(text), out);
  }
}

std::string LabelsJson(const shared::model::Labels& labels) {
  std::string out = "{";
  for (const shared::model::Label& label : labels) {
    if (out.size() > 1) out.push_back(',');
    AppendJsonbString(label.name, out);
    out.push_back(':');
    AppendJsonbString(label.value, out);
  }
  out.push_back('}');
  return out;
}

shared::model::Labels ParseLabelsJson(std::string_view json) {
  shared::model::Labels labels;
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  if (parser.parse(simdjson::padded_string(json)).get(object) != simdjson::SUCCESS) return labels;
  for (const auto& [name, value] : object) {
    std::string_view text;
    if (value.get(text) == simdjson::SUCCESS) {
      labels.push_back({std::string(name), std::string(text)});
    }
  }
  // jsonb orders by length first; Labels are sorted by name.
  std::sort(labels.begin(), labels.end());
  return labels;
}

std::vector<int64_t> ParseIntArray(std::string_view text) {
  std::vector<int64_t> out;
  while (!text.empty()) {
    const size_t begin = text.find_first_of("-0123456789");
    if (begin == std::string_view::npos) break;
    text.remove_prefix(begin);
    int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc()) out.push_back(value);
    text.remove_prefix(std::max<size_t>(1, static_cast<size_t>(end - text.data())));
  }
  return out;
}

std::string FromByteaText(std::string_view text) {
  if (!text.starts_with("\\x")) return {};
  return shared::text::FromHex(text.substr(2)).value_or("");
}

}  // namespace collector::storage
