#include <algorithm>

#include "collector/api/json_writer.h"
#include "collector/api/questions.h"
#include "shared/text/time_text.h"

namespace collector::api {
namespace {

using shared::text::FormatTime;

double SecondsBetween(shared::WallTime earlier, shared::WallTime later) {
  return std::max(0.0, std::chrono::duration<double>(later - earlier).count());
}

void WriteStream(JsonWriter& json, const AgentStreamRow& stream) {
  json.BeginObject();
  json.Key("stream").String(stream.stream);
  json.Key("incarnation").String(std::to_string(stream.incarnation));  // beyond 2^53: a string
  json.Key("sequence").Unsigned(stream.sequence);
  json.Key("batches").Unsigned(stream.batches);
  json.Key("missing_batches").Unsigned(stream.gaps);
  json.Key("duplicate_batches").Unsigned(stream.duplicates);
  json.Key("last_received").String(FormatTime(stream.last_received));
  json.Key("last_event").String(FormatTime(stream.last_event));
  json.Key("lag_seconds").Number(SecondsBetween(stream.last_event, stream.last_received));
  json.EndObject();
}

}  // namespace

shared::Result<std::string> AskAgents(TelemetryReader& reader, const QueryContext& context,
                                      Parameters& parameters, const ApiOptions& options,
                                      shared::WallTime now) {
  const size_t limit = parameters.Integer("limit", 1000, 1, options.max_rows);
  RETURN_IF_ERROR(parameters.Check());
  ASSIGN_OR_RETURN(const std::vector<AgentRow> agents, reader.Agents(context, limit));
  JsonWriter json;
  json.BeginObject().Key("agents").BeginArray();
  for (const AgentRow& agent : agents) {
    json.BeginObject();
    json.Key("id").String(agent.id);
    json.Key("host").String(agent.host_name);
    json.Key("version").String(agent.version);
    json.Key("first_seen").String(FormatTime(agent.first_seen));
    json.Key("last_seen").String(FormatTime(agent.last_seen));
    json.Key("silent_seconds").Number(SecondsBetween(agent.last_seen, now));
    json.Key("streams").BeginArray();
    for (const AgentStreamRow& stream : agent.streams) WriteStream(json, stream);
    json.EndArray();
    // What the agent says of itself: capabilities (coverage), dropped by reason, what waits.
    json.Key("status").Raw(agent.status_json.empty() ? "{}" : agent.status_json);
    // What the store left out of its batches, by reason.
    json.Key("refused").Raw(agent.refused_json.empty() ? "{}" : agent.refused_json);
    json.EndObject();
  }
  json.EndArray().EndObject();
  return json.Take();
}

}  // namespace collector::api
