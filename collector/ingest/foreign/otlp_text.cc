#include "collector/ingest/foreign/otlp_text.h"

#include <fmt/format.h>

#include <cstdint>
#include <string_view>
#include <utility>

#include "shared/text/json.h"
#include "shared/text/utf8.h"

namespace collector::ingest::foreign {
namespace {

using opentelemetry::proto::common::v1::AnyValue;

std::string Base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const std::string_view group = bytes.substr(i, 3);
    uint32_t bits = 0;
    for (size_t j = 0; j < 3; ++j) {
      bits = (bits << 8) | (j < group.size() ? static_cast<uint8_t>(group[j]) : 0u);
    }
    for (size_t j = 0; j < 4; ++j) {
      out.push_back(j <= group.size() ? kDigits[(bits >> (18 - 6 * j)) & 63] : '=');
    }
  }
  return out;
}

bool AppendJson(const AnyValue& value, size_t depth, std::string& out) {
  if (depth == 0) return false;
  switch (value.value_case()) {
    case AnyValue::kStringValue:
      shared::text::AppendJsonString(value.string_value(), out);
      return true;
    case AnyValue::kBoolValue:
      out += value.bool_value() ? "true" : "false";
      return true;
    case AnyValue::kIntValue:
      out += std::to_string(value.int_value());
      return true;
    case AnyValue::kDoubleValue:
      shared::text::AppendJsonNumber(value.double_value(), out);
      return true;
    case AnyValue::kBytesValue:
      shared::text::AppendJsonString(Base64(value.bytes_value()), out);
      return true;
    case AnyValue::VALUE_NOT_SET:
      out += "null";
      return true;
    case AnyValue::kArrayValue:
    case AnyValue::kKvlistValue:
      break;
  }
  const bool keyed = value.has_kvlist_value();
  out.push_back(keyed ? '{' : '[');
  const char* comma = "";
  for (const AnyValue& one : value.array_value().values()) {
    out += comma;
    if (!AppendJson(one, depth - 1, out)) return false;
    comma = ",";
  }
  for (const auto& member : value.kvlist_value().values()) {
    out += comma;
    shared::text::AppendJsonString(member.key(), out);
    out.push_back(':');
    if (!AppendJson(member.value(), depth - 1, out)) return false;
    comma = ",";
  }
  out.push_back(keyed ? '}' : ']');
  return true;
}

}  // namespace

bool AppendText(const AnyValue& value, size_t max_depth, std::string& out) {
  switch (value.value_case()) {
    case AnyValue::VALUE_NOT_SET:
      return true;
    case AnyValue::kStringValue:
      out += value.string_value();
      return true;
    case AnyValue::kDoubleValue:
      out += fmt::format("{}", value.double_value());
      return true;
    case AnyValue::kBytesValue:
      out += Base64(value.bytes_value());
      return true;
    default:
      return AppendJson(value, max_depth, out);
  }
}

bool AppendLabels(const KeyValues& attributes, size_t max_depth, shared::model::Labels& out) {
  for (const auto& attribute : attributes) {
    out.push_back({attribute.key(), ""});
    if (!AppendText(attribute.value(), max_depth, out.back().value)) return false;
  }
  return true;
}

std::string_view ReadSource(const KeyValues& attributes, std::string_view topic,
                            const ForeignLimits& limits, Source& source, std::string& example) {
  shared::model::Labels labels;
  example = "resource";
  if (!AppendLabels(attributes, limits.nesting, labels)) return "nesting_limit";
  source = SourceOf(std::move(labels), topic);
  if (source.host.size() > limits.resource_attributes ||
      source.common.size() > limits.labels_per_series) {
    return "label_limit";
  }
  for (const shared::model::Labels* list : {&source.host, &source.common}) {
    for (size_t i = 0; i < list->size(); ++i) {
      const shared::model::Label& label = (*list)[i];
      std::string_view fault = LabelFault(label, limits);
      if (fault.empty() && i > 0 && (*list)[i - 1].name == label.name) fault = "repeated_label";
      if (fault.empty()) continue;
      example = fmt::format("resource: attribute '{}'",
                            shared::text::CleanUtf8(shared::text::TruncateUtf8(label.name, 80)));
      return fault;
    }
  }
  return {};
}

}  // namespace collector::ingest::foreign
