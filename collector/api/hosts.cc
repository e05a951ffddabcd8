#include "collector/api/json_writer.h"
#include "collector/api/labels_json.h"
#include "collector/api/questions.h"
#include "shared/text/time_text.h"

namespace collector::api {

shared::Result<std::string> AskHosts(TelemetryReader& reader, const QueryContext& context,
                                     Parameters& parameters, const ApiOptions& options) {
  const size_t limit = parameters.Integer("limit", 1000, 1, options.max_rows);
  RETURN_IF_ERROR(parameters.Check());
  ASSIGN_OR_RETURN(const std::vector<HostRow> hosts, reader.Hosts(context, limit));
  JsonWriter json;
  json.BeginObject().Key("hosts").BeginArray();
  for (const HostRow& host : hosts) {
    json.BeginObject();
    json.Key("id").Signed(host.id);
    json.Key("name").String(host.name);
    json.Key("host_id").String(host.host_key);
    json.Key("first_seen").String(shared::text::FormatTime(host.first_seen));
    json.Key("last_seen").String(shared::text::FormatTime(host.last_seen));
    WriteLabels(json.Key("resource"), host.resource);
    json.EndObject();
  }
  json.EndArray().EndObject();
  return json.Take();
}

}  // namespace collector::api
