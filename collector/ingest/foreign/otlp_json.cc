#include "collector/ingest/foreign/otlp_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "collector/ingest/foreign/json_document.h"
#include "shared/text/hex.h"
#include "shared/text/utf8.h"

namespace collector::ingest::foreign {
namespace {

namespace common = opentelemetry::proto::common::v1;
namespace metrics = opentelemetry::proto::metrics::v1;
namespace logs = opentelemetry::proto::logs::v1;
using opentelemetry::proto::collector::logs::v1::ExportLogsServiceRequest;
using opentelemetry::proto::collector::metrics::v1::ExportMetricsServiceRequest;
using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using simdjson::dom::element;

// "time_unix_nano" → "timeUnixNano"; what has no '_' stays.
std::string Camel(std::string_view key) {
  std::string out;
  bool upper = false;
  for (const char byte : key) {
    if (byte == '_' && !out.empty()) {
      upper = true;
      continue;
    }
    const bool raise = upper && byte >= 'a' && byte <= 'z';
    out.push_back(raise ? static_cast<char>(byte - 'a' + 'A') : byte);
    upper = false;
  }
  return out;
}

// Standard and URL alphabet, with or without padding.
std::optional<std::string> FromBase64(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  if (text.size() % 4 == 1) return std::nullopt;
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (const char byte : text) {
    uint32_t digit = 0;
    if (byte >= 'A' && byte <= 'Z') {
      digit = static_cast<uint32_t>(byte - 'A');
    } else if (byte >= 'a' && byte <= 'z') {
      digit = static_cast<uint32_t>(byte - 'a') + 26;
    } else if (byte >= '0' && byte <= '9') {
      digit = static_cast<uint32_t>(byte - '0') + 52;
    } else if (byte == '+' || byte == '-') {
      digit = 62;
    } else if (byte == '/' || byte == '_') {
      digit = 63;
    } else {
      return std::nullopt;
    }
    bits = (bits << 6) | digit;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out.push_back(static_cast<char>((bits >> count) & 0xff));
  }
  return out;
}

template <typename Number>
std::optional<Number> ParseWhole(std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

constexpr std::pair<std::string_view, int> kTemporalities[] = {
    {"AGGREGATION_TEMPORALITY_UNSPECIFIED", 0},
    {"AGGREGATION_TEMPORALITY_DELTA", 1},
    {"AGGREGATION_TEMPORALITY_CUMULATIVE", 2}};

// "SEVERITY_NUMBER_WARN2" → 14.
std::optional<int> SeverityOf(std::string_view name) {
  constexpr std::string_view kPrefix = "SEVERITY_NUMBER_";
  constexpr std::string_view kNames[] = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"};
  if (!name.starts_with(kPrefix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  if (name == "UNSPECIFIED") return 0;
  int first = 1;
  for (const std::string_view one : kNames) {
    if (name == one) return first;
    if (name.starts_with(one) && name.size() == one.size() + 1) {
      const char digit = name.back();
      if (digit >= '2' && digit <= '4') return first + (digit - '1');
    }
    first += 4;
  }
  return std::nullopt;
}

// Each Read… fills `out` from a value, or says in error_ what is wrong where and returns false.
class Reader {
 public:
  explicit Reader(Refusals& refusals) : refusals_(refusals) {}

  Result<void> ReadRoot(const element& root, ExportMetricsServiceRequest& request) {
    return ReadRoot(root, "resourceMetrics", [&](const element& value) {
      return ReadParts(value, *request.mutable_resource_metrics(), "malformed_point");
    });
  }
  Result<void> ReadRoot(const element& root, ExportLogsServiceRequest& request) {
    return ReadRoot(root, "resourceLogs", [&](const element& value) {
      return ReadParts(value, *request.mutable_resource_logs(), "malformed_log");
    });
  }

 private:
  template <typename Function>
  Result<void> ReadRoot(const element& root, std::string_view list, Function read_list) {
    bool found = false;
    const bool sound = ReadMembers(root, [&](std::string_view key, const element& value) {
      if (key != list) return true;
      found = true;
      return read_list(value);
    });
    if (!sound) return Fail(ErrorCode::kMalformed, "{}", error_);
    if (!found && simdjson::dom::object(root).size() > 0) {
      return Fail(ErrorCode::kMalformed, "expected an object with {}", list);
    }
    return {};
  }

  bool Expected(std::string_view what) {
    // Cleaned, for a key that is cut may end within a character.
    error_ = fmt::format("{}{}expected {}", shared::text::CleanUtf8(path_),
                         path_.empty() ? "" : ": ", what);
    return false;
  }

  // Calls `read_member` for each member of an object that is not null, its key in camel case.
  template <typename Function>
  bool ReadMembers(const element& value, Function read_member) {
    simdjson::dom::object object;
    if (value.get(object) != simdjson::SUCCESS) return Expected("an object");
    const size_t length = path_.size();
    for (const auto [name, member] : object) {
      if (member.is_null()) continue;
      const std::string key = Camel(name);
      path_ += (length == 0 ? "" : ".") + key.substr(0, 80);
      if (!read_member(key, member)) return false;
      path_.resize(length);
    }
    return true;
  }

  // Calls `read_element` for each element; `path_` then names it.
  template <typename Function>
  bool ReadElements(const element& value, Function read_element) {
    simdjson::dom::array array;
    if (value.get(array) != simdjson::SUCCESS) return Expected("an array");
    const size_t length = path_.size();
    size_t index = 0;
    for (const element one : array) {
      path_ += fmt::format("[{}]", index++);
      if (!read_element(one)) return false;
      path_.resize(length);
    }
    return true;
  }

  // A list whose elements must all be sound.
  template <typename Message>
  bool ReadList(const element& value, google::protobuf::RepeatedPtrField<Message>& out) {
    return ReadElements(value, [&](const element& one) { return Read(one, *out.Add()); });
  }

  // A list whose elements are refused one by one.
  template <typename Message>
  bool ReadParts(const element& value, google::protobuf::RepeatedPtrField<Message>& out,
                 std::string_view reason) {
    return ReadElements(value, [&](const element& one) {
      const size_t length = path_.size();
      if (Read(one, *out.Add())) return true;
      path_.resize(length);
      out.RemoveLast();
      refusals_.Add(reason, 1, error_);
      return true;
    });
  }

  bool ReadText(const element& value, std::string* out) {
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS) return Expected("a string");
    *out = text;
    return true;
  }

  template <typename Setter>
  bool ReadBool(const element& value, Setter set) {
    bool flag = false;
    if (value.get(flag) != simdjson::SUCCESS) return Expected("true or false");
    set(flag);
    return true;
  }

  template <typename Number, typename Setter>
  bool ReadWhole(const element& value, Setter set) {
    std::string_view text;
    std::optional<Number> number;
    uint64_t large = 0;
    int64_t small = 0;
    if (value.get(text) == simdjson::SUCCESS) {
      number = ParseWhole<Number>(text);
    } else if (value.get(large) == simdjson::SUCCESS) {
      if (std::in_range<Number>(large)) number = static_cast<Number>(large);
    } else if (value.get(small) == simdjson::SUCCESS) {
      if (std::in_range<Number>(small)) number = static_cast<Number>(small);
    }
    if (!number) return Expected("an integer");
    set(*number);
    return true;
  }

  template <typename Setter>
  bool ReadDouble(const element& value, Setter set) {
    double number = 0;
    std::string_view text;
    if (value.get(text) == simdjson::SUCCESS) {
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (error != std::errc() || end != text.data() + text.size()) return Expected("a number");
    } else if (value.get(number) != simdjson::SUCCESS) {
      return Expected("a number");
    }
    set(number);
    return true;
  }

  // `read_name`: the number of a name, or nullopt.
  template <typename Names, typename Setter>
  bool ReadEnum(const element& value, Names read_name, Setter set) {
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS) return ReadWhole<int32_t>(value, set);
    const std::optional<int> number = read_name(text);
    if (!number) return Expected("a number or name of the enumeration");
    set(*number);
    return true;
  }

  bool ReadHex(const element& value, std::string* out) {
    std::string_view text;
    std::optional<std::string> bytes;
    if (value.get(text) == simdjson::SUCCESS) bytes = shared::text::FromHex(text);
    if (!bytes) return Expected("hexadecimal digits");
    *out = std::move(*bytes);
    return true;
  }

  template <typename Setter>
  bool ReadTemporality(const element& value, Setter set) {
    const auto named = [](std::string_view name) -> std::optional<int> {
      for (const auto& [known, number] : kTemporalities) {
        if (known == name) return number;
      }
      return std::nullopt;
    };
    return ReadEnum(value, named, set);
  }

  bool Read(const element& value, common::AnyValue& out);
  bool Read(const element& value, common::KeyValue& out);
  bool Read(const element& value, common::InstrumentationScope& out);
  bool Read(const element& value, metrics::ResourceMetrics& out);
  bool Read(const element& value, metrics::ScopeMetrics& out);
  bool Read(const element& value, metrics::Metric& out);
  bool Read(const element& value, metrics::NumberDataPoint& out);
  bool Read(const element& value, metrics::HistogramDataPoint& out);
  bool Read(const element& value, metrics::SummaryDataPoint& out);
  bool Read(const element& value, metrics::SummaryDataPoint::ValueAtQuantile& out);
  bool Read(const element& value, logs::ResourceLogs& out);
  bool Read(const element& value, logs::ScopeLogs& out);
  bool Read(const element& value, logs::LogRecord& out);
  // Only how many there are: they are refused by name later.
  bool Read(const element&, metrics::ExponentialHistogramDataPoint&) { return true; }

  template <typename Resource>
  bool ReadResource(const element& value, Resource& out) {
    return ReadMembers(value, [&](std::string_view key, const element& member) {
      return key != "attributes" || ReadList(member, *out.mutable_attributes());
    });
  }

  // `data_points` and, where there is one, the temporality.
  template <typename Data>
  bool ReadData(const element& value, Data& out) {
    return ReadMembers(value, [&](std::string_view key, const element& member) {
      if (key == "dataPoints") {
        return ReadParts(member, *out.mutable_data_points(), "malformed_point");
      }
      if constexpr (requires { out.aggregation_temporality(); }) {
        if (key == "aggregationTemporality") {
          return ReadTemporality(member, [&](int number) {
            out.set_aggregation_temporality(static_cast<metrics::AggregationTemporality>(number));
          });
        }
      }
      if constexpr (requires { out.is_monotonic(); }) {
        if (key == "isMonotonic") {
          return ReadBool(member, [&](bool flag) { out.set_is_monotonic(flag); });
        }
      }
      return true;
    });
  }

  // What all kinds of points have; nullopt: another key.
  template <typename Point>
  std::optional<bool> ReadPointMember(std::string_view key, const element& value, Point& out) {
    if (key == "attributes") return ReadList(value, *out.mutable_attributes());
    if (key == "timeUnixNano") {
      return ReadWhole<uint64_t>(value, [&](uint64_t nanos) { out.set_time_unix_nano(nanos); });
    }
    if (key == "flags") {
      return ReadWhole<uint32_t>(value, [&](uint32_t flags) { out.set_flags(flags); });
    }
    return std::nullopt;
  }

  Refusals& refusals_;
  std::string path_;
  std::string error_;
};

bool Reader::Read(const element& value, common::AnyValue& out) {
  return ReadMembers(value, [&](std::string_view key, const element& member) {
    if (key == "stringValue") return ReadText(member, out.mutable_string_value());
    if (key == "boolValue") return ReadBool(member, [&](bool flag) { out.set_bool_value(flag); });
    if (key == "intValue") {
      return ReadWhole<int64_t>(member, [&](int64_t number) { out.set_int_value(number); });
    }
    if (key == "doubleValue") {
      return ReadDouble(member, [&](double number) { out.set_double_value(number); });
    }
    if (key == "bytesValue") {
      std::string_view text;
      std::optional<std::string> bytes;
      if (member.get(text) == simdjson::SUCCESS) bytes = FromBase64(text);
      if (!bytes) return Expected("base64");
      out.set_bytes_value(std::move(*bytes));
      return true;
    }
    if (key == "arrayValue") {
      return ReadMembers(member, [&](std::string_view name, const element& values) {
        return name != "values" || ReadList(values, *out.mutable_array_value()->mutable_values());
      });
    }
    if (key == "kvlistValue") {
      return ReadMembers(member, [&](std::string_view name, const element& values) {
        return name != "values" || ReadList(values, *out.mutable_kvlist_value()->mutable_values());
      });
    }
    return true;
  });
}

bool Reader::Read(const element& value, common::KeyValue& out) {
  return ReadMembers(value, [&](std::string_view key, const element& member) {
    if (key == "key") return ReadText(member, out.mutable_key());
    return key != "value" || Read(member, *out.mutable_value());
  });
}

bool Reader::Read(const element& value, common::InstrumentationScope& out) {
  return ReadMembers(value, [&](std::string_view key, const element& member) {
    if (key == "name") return ReadText(member, out.mutable_name());
    return key != "version" || ReadText(member, out.mutable_version());
  });
}

bool Reader::Read(const element& value, metrics::ResourceMetrics& out) {
  return ReadMembers(value, [&](std::string_view key, const element& member) {
    if (key == "resource") return ReadResource(member, *out.mutable_resource());
    return key != "scopeMetrics" ||
           ReadParts(member, *out.mutable_scope_metrics(), "malformed_point");
  });
}

bool Reader::Read(const element& value, metrics::ScopeMetrics& out) {
  return ReadMembers(value, [&](std::string_view key, const element& member) {
    if (key == "scope") return Read(member, *out.mutable_scope());
    return key != "metrics" || ReadParts(member, *out.mutable_metrics(), "malformed_point");
  });
}

bool Reader::Read(const element& value, metrics::Metric& out) {
  return ReadMembers(value, [&](std::string_view key, const element& member) {
    if (key == "name") return ReadText(member, out.mutable_name());
    if (key == "unit") return ReadText(member, out.mutable_unit());
    if (key == "gauge") return ReadData(member, *out.mutable_gauge());
    if (key == "sum") return ReadData(member, *out.mutable_sum());
    if (key == "histogram") return ReadData(member, *out.mutable_histogram());
    if (key == "exponentialHistogram") {
      return ReadData(member, *out.mutable_exponential_histogram());
    }
    return key != "summary" || ReadData(member, *out.mutable_summary());
  });
}

bool Reader::Read(const element& value, metrics::NumberDataPoint& out) {
  return ReadMembers(value, [&](std::string_view key, const element& member) {
    if (const auto read = ReadPointMember(key, member, out)) return *read;
    if (key == "asDouble") {
      return ReadDouble(member, [&](double number) { out.set_as_double(number); });
    }
    return key != "asInt" ||
           ReadWhole<int64_t>(member, [&](int64_t number) { out.set_as_int(number); });
  });
}

bool Reader::Read(const element& value, metrics::HistogramDataPoint& out) {
  return ReadMembers(value, [&](std::string_view key, const element& member) {
    if (const auto read = ReadPointMember(key, member, out)) return *read;
    if (key == "count") {
      return ReadWhole<uint64_t>(member, [&](uint64_t count) { out.set_count(count); });
    }
    if (key == "sum") return ReadDouble(member, [&](double sum) { out.set_sum(sum); });
    if (key == "bucketCounts") {
      return ReadElements(member, [&](const element& one) {
        return ReadWhole<uint64_t>(one, [&](uint64_t count) { out.add_bucket_counts(count); });
      });
    }
    return key != "explicitBounds" || ReadElements(member, [&](const element& one) {
             return ReadDouble(one, [&](double bound) { out.add_explicit_bounds(bound); });
           });
  });
}

bool Reader::Read(const element& value, metrics::SummaryDataPoint& out) {
  return ReadMembers(value, [&](std::string_view key, const element& member) {
    if (const auto read = ReadPointMember(key, member, out)) return *read;
    if (key == "count") {
      return ReadWhole<uint64_t>(member, [&](uint64_t count) { out.set_count(count); });
    }
    if (key == "sum") return ReadDouble(member, [&](double sum) { out.set_sum(sum); });
    return key != "quantileValues" || ReadList(member, *out.mutable_quantile_values());
  });
}

bool Reader::Read(const element& value, metrics::SummaryDataPoint::ValueAtQuantile& out) {
  return ReadMembers(value, [&](std::string_view key, const element& member) {
    if (key == "quantile") return ReadDouble(member, [&](double at) { out.set_quantile(at); });
    return key != "value" || ReadDouble(member, [&](double number) { out.set_value(number); });
  });
}

bool Reader::Read(const element& value, logs::ResourceLogs& out) {
  return ReadMembers(value, [&](std::string_view key, const element& member) {
    if (key == "resource") return ReadResource(member, *out.mutable_resource());
    return key != "scopeLogs" || ReadParts(member, *out.mutable_scope_logs(), "malformed_log");
  });
}

bool Reader::Read(const element& value, logs::ScopeLogs& out) {
  return ReadMembers(value, [&](std::string_view key, const element& member) {
    if (key == "scope") return Read(member, *out.mutable_scope());
    return key != "logRecords" || ReadParts(member, *out.mutable_log_records(), "malformed_log");
  });
}

bool Reader::Read(const element& value, logs::LogRecord& out) {
  return ReadMembers(value, [&](std::string_view key, const element& member) {
    if (key == "timeUnixNano") {
      return ReadWhole<uint64_t>(member, [&](uint64_t nanos) { out.set_time_unix_nano(nanos); });
    }
    if (key == "observedTimeUnixNano") {
      return ReadWhole<uint64_t>(member,
                                 [&](uint64_t nanos) { out.set_observed_time_unix_nano(nanos); });
    }
    if (key == "severityNumber") {
      return ReadEnum(member, SeverityOf, [&](int number) {
        out.set_severity_number(static_cast<logs::SeverityNumber>(number));
      });
    }
    if (key == "severityText") return ReadText(member, out.mutable_severity_text());
    if (key == "body") return Read(member, *out.mutable_body());
    if (key == "attributes") return ReadList(member, *out.mutable_attributes());
    if (key == "traceId") return ReadHex(member, out.mutable_trace_id());
    if (key == "spanId") return ReadHex(member, out.mutable_span_id());
    return key != "eventName" || ReadText(member, out.mutable_event_name());
  });
}

template <typename Request>
Result<void> ReadRequest(std::string_view text, const ForeignLimits& limits, Refusals& refusals,
                         Request& request) {
  JsonDocument document(limits.nesting * 4);  // a value within a value is four levels of OTLP/JSON
  ASSIGN_OR_RETURN(const element root, document.Parse(text));
  return Reader(refusals).ReadRoot(root, request);
}

}  // namespace

Result<void> ReadOtlpJson(std::string_view text, const ForeignLimits& limits, Refusals& refusals,
                          ExportMetricsServiceRequest& request) {
  return ReadRequest(text, limits, refusals, request);
}

Result<void> ReadOtlpJson(std::string_view text, const ForeignLimits& limits, Refusals& refusals,
                          ExportLogsServiceRequest& request) {
  return ReadRequest(text, limits, refusals, request);
}

}  // namespace collector::ingest::foreign
