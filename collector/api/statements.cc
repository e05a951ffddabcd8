#include <algorithm>

#include "collector/api/json_writer.h"
#include "collector/api/questions.h"
#include "shared/text/cursor.h"
#include "shared/text/time_text.h"

namespace collector::api {
namespace {

using shared::text::FormatTime;

void WriteCounters(JsonWriter& json, const std::map<std::string, double>& counters) {
  json.BeginObject();
  for (const std::string& name : StatementCounters()) {
    const auto found = counters.find(name);
    // What the server's version does not count, and what did not happen, is 0 in every row alike.
    if (found != counters.end()) json.Key(name).Number(found->second);
  }
  json.EndObject();
}

void WriteStatement(JsonWriter& json, const StatementRow& row) {
  json.BeginObject();
  json.Key("queryid").String(std::to_string(row.queryid));  // beyond 2^53: a string
  json.Key("fingerprint").String(row.fingerprint);
  json.Key("host").String(row.host_name);
  json.Key("instance").String(row.instance_name);
  json.Key("system_identifier").String(row.instance);
  json.Key("database").String(row.database);
  json.Key("user").String(row.user);
  json.Key("toplevel").Bool(row.toplevel);
  json.Key("text").String(row.text);
  json.Key("min_exec_time_ms").Number(row.min_exec_time_ms);
  json.Key("max_exec_time_ms").Number(row.max_exec_time_ms);
  WriteCounters(json.Key("counters"), row.counters);
  json.EndObject();
}

}  // namespace

shared::Result<std::string> AskStatements(TelemetryReader& reader, const QueryContext& context,
                                          Parameters& parameters, const ApiOptions& options) {
  StatementQuery query;
  query.range = parameters.Range(std::chrono::hours(1));
  query.host = parameters.Text("host");
  query.database = parameters.Text("database");
  query.user = parameters.Text("user");
  // The default first, then every counter in its order.
  std::vector<std::string_view> orders{"total_exec_time_ms"};
  orders.insert(orders.end(), StatementCounters().begin(), StatementCounters().end());
  query.order_by = parameters.OneOf("order_by", orders);
  query.limit = parameters.Integer("limit", 20, 1, std::min<size_t>(1000, options.max_rows));
  RETURN_IF_ERROR(parameters.Check());
  ASSIGN_OR_RETURN(const std::vector<StatementRow> rows, reader.TopStatements(context, query));
  JsonWriter json;
  json.BeginObject();
  json.Key("from").String(FormatTime(query.range.from));
  json.Key("to").String(FormatTime(query.range.to));
  json.Key("order_by").String(query.order_by);
  json.Key("statements").BeginArray();
  for (const StatementRow& row : rows) WriteStatement(json, row);
  json.EndArray().EndObject();
  return json.Take();
}

shared::Result<std::string> AskStatementHistory(TelemetryReader& reader,
                                                const QueryContext& context, Parameters& parameters,
                                                std::string_view queryid) {
  const std::optional<int64_t> id = shared::text::ParseNumber<int64_t>(queryid);
  StatementQuery query;
  query.range = parameters.Range(std::chrono::hours(1));
  query.host = parameters.Text("host");
  query.database = parameters.Text("database");
  query.user = parameters.Text("user");
  if (!id) parameters.AddFault("queryid (in the path)", queryid, "a 64-bit whole number");
  RETURN_IF_ERROR(parameters.Check());
  ASSIGN_OR_RETURN(const std::vector<StatementPoint> points,
                   reader.StatementHistory(context, query, *id));
  JsonWriter json;
  json.BeginObject();
  json.Key("queryid").String(std::to_string(*id));
  json.Key("from").String(FormatTime(query.range.from));
  json.Key("to").String(FormatTime(query.range.to));
  json.Key("intervals").BeginArray();
  for (const StatementPoint& point : points) {
    json.BeginObject();
    json.Key("start").String(FormatTime(point.start));
    json.Key("end").String(FormatTime(point.end));
    WriteCounters(json.Key("counters"), point.counters);
    json.EndObject();
  }
  json.EndArray().EndObject();
  return json.Take();
}

}  // namespace collector::api
