#include <array>

#include "collector/api/json_writer.h"
#include "collector/api/questions.h"
#include "shared/text/time_text.h"

namespace collector::api {
namespace {

using shared::text::FormatTime;

struct SeverityName {
  std::string_view name;
  uint32_t number;  // OpenTelemetry: the lowest of its range
};
constexpr std::array<SeverityName, 6> kSeverities{
    {{"any", 0}, {"debug", 5}, {"info", 9}, {"warn", 13}, {"error", 17}, {"fatal", 21}}};

uint32_t ReadSeverity(Parameters& parameters) {
  std::array<std::string_view, kSeverities.size()> names;
  for (size_t i = 0; i < names.size(); ++i) names[i] = kSeverities[i].name;
  const std::string chosen = parameters.OneOf("severity", names);
  for (const SeverityName& severity : kSeverities) {
    if (severity.name == chosen) return severity.number;
  }
  return 0;
}

std::optional<std::string> ReadSource(Parameters& parameters) {
  constexpr std::array<std::string_view, 3> kSources{"any", "postgres", "syslog"};
  std::string source = parameters.OneOf("source", kSources);
  if (source == "any") return std::nullopt;
  return source;
}

void WriteRecord(JsonWriter& json, const LogRow& row) {
  json.BeginObject();
  json.Key("time").String(FormatTime(shared::FromUnixNanos(row.time_unix_nano)));
  json.Key("host").String(row.host_name);
  json.Key("source").String(row.source);
  json.Key("severity").String(row.severity_text);
  json.Key("severity_number").Unsigned(row.severity_number);
  json.Key("body").String(row.body);
  json.Key("fields").BeginObject();
  for (const auto& [name, value] : row.fields) json.Key(name).String(value);
  json.EndObject();
  json.Key("file").BeginObject();
  json.Key("path").String(row.path);
  json.Key("id").String(row.file_id);
  json.Key("offset").Unsigned(row.offset);
  json.EndObject();
  json.EndObject();
}

}  // namespace

shared::Result<std::string> AskLogs(TelemetryReader& reader, const QueryContext& context,
                                    Parameters& parameters, const ApiOptions& options) {
  LogQuery query;
  query.range = parameters.Range(std::chrono::hours(1));
  query.host = parameters.Text("host");
  query.min_severity = ReadSeverity(parameters);
  query.sqlstate = parameters.Text("sqlstate");
  if (query.sqlstate && query.sqlstate->size() != 5) {
    parameters.AddFault("sqlstate", *query.sqlstate, "five characters, like 42P01");
  }
  query.database = parameters.Text("database");
  query.contains = parameters.Text("contains");
  query.word = parameters.Text("word");
  query.source = ReadSource(parameters);
  if (const auto pattern = parameters.SignedInteger("pattern")) {
    query.pattern = static_cast<int32_t>(*pattern);
    if (*query.pattern != *pattern) {
      parameters.AddFault("pattern", std::to_string(*pattern), "an id of log-patterns");
    }
  }
  constexpr std::array<std::string_view, 2> kOrders{"newest", "oldest"};
  query.newest_first = parameters.OneOf("order", kOrders) == "newest";
  query.cursor = parameters.Text("cursor").value_or("");
  query.limit = parameters.Integer("limit", 100, 1, options.max_rows);
  RETURN_IF_ERROR(parameters.Check());
  ASSIGN_OR_RETURN(const LogPage page, reader.Logs(context, query));
  JsonWriter json;
  json.BeginObject();
  json.Key("from").String(FormatTime(query.range.from));
  json.Key("to").String(FormatTime(query.range.to));
  json.Key("records").BeginArray();
  for (const LogRow& row : page.rows) WriteRecord(json, row);
  json.EndArray();
  json.Key("next_cursor");
  if (page.next_cursor.empty()) {
    json.Null();
  } else {
    json.String(page.next_cursor);
  }
  json.EndObject();
  return json.Take();
}

shared::Result<std::string> AskLogPatterns(TelemetryReader& reader, const QueryContext& context,
                                           Parameters& parameters, const ApiOptions& options) {
  LogPatternQuery query;
  query.range = parameters.Range(std::chrono::hours(1));
  query.host = parameters.Text("host");
  query.source = ReadSource(parameters);
  query.new_since = parameters.Time("new_since");
  query.limit = parameters.Integer("limit", 100, 1, options.max_rows);
  RETURN_IF_ERROR(parameters.Check());
  ASSIGN_OR_RETURN(const LogPatternPage page, reader.LogPatterns(context, query));
  JsonWriter json;
  json.BeginObject();
  json.Key("from").String(FormatTime(query.range.from));
  json.Key("to").String(FormatTime(query.range.to));
  json.Key("uncounted_lines").Unsigned(page.uncounted_lines);
  json.Key("patterns").BeginArray();
  for (const LogPatternRow& row : page.rows) {
    json.BeginObject();
    json.Key("id").Signed(row.id);
    json.Key("source").String(row.source);
    json.Key("pattern").String(row.pattern);
    json.Key("severity_number").Unsigned(row.severity_number);
    json.Key("lines").Unsigned(row.lines);
    json.Key("first_seen").String(FormatTime(row.first_seen));
    json.Key("last_seen").String(FormatTime(row.last_seen));
    json.Key("example").String(row.example);
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
  return json.Take();
}

}  // namespace collector::api
