#include <algorithm>
#include <cstdint>

#include "collector/api/json_writer.h"
#include "collector/api/kafka_lag_route.h"
#include "collector/api/questions.h"
#include "shared/text/time_text.h"

namespace collector::api {
namespace {

using shared::text::FormatTime;

void WriteTime(JsonWriter& json, std::string_view key,
               const std::optional<shared::WallTime>& time) {
  json.Key(key);
  if (time) {
    json.String(FormatTime(*time));
  } else {
    json.Null();
  }
}

void WriteDeadLetter(JsonWriter& json, const DeadLetterRow& letter) {
  json.BeginObject();
  json.Key("id").Signed(letter.id);
  json.Key("reason").String(letter.reason);
  json.Key("message").String(letter.message);
  json.Key("agent").String(letter.agent);
  json.Key("size_bytes").Signed(letter.size_bytes);
  json.Key("at").String(FormatTime(letter.at));
  WriteTime(json, "replayed_at", letter.replayed_at);
  const auto place = [&](std::string_view key, std::string_view topic, int32_t partition,
                         int64_t offset) {
    json.Key(key).BeginObject();
    json.Key("topic").String(topic);
    json.Key("partition").Signed(partition);
    json.Key("offset").Signed(offset);
    json.EndObject();
  };
  place("origin", letter.topic, letter.partition, letter.offset);
  place("bytes", letter.dead_topic, letter.dead_partition, letter.dead_offset);
  json.EndObject();
}

}  // namespace

shared::Result<std::string> AskKafka(TelemetryReader& reader, const QueryContext& context,
                                     Parameters& parameters) {
  RETURN_IF_ERROR(parameters.Check());
  ASSIGN_OR_RETURN(const std::vector<KafkaPositionRow> rows, reader.KafkaPositions(context));
  JsonWriter json;
  json.BeginObject().Key("partitions").BeginArray();
  for (const KafkaPositionRow& row : rows) {
    json.BeginObject();
    json.Key("topic").String(row.topic);
    json.Key("partition").Signed(row.partition);
    json.Key("next_offset").Signed(row.next_offset);
    json.Key("owner").String(row.owner);
    WriteTime(json, "updated_at", row.updated_at);
    json.Key("recreations").Signed(row.recreations);
    json.Key("expired_records").Signed(row.expired);
    json.EndObject();
  }
  json.EndArray().EndObject();
  return json.Take();
}

shared::Result<std::string> AskDeadLetters(TelemetryReader& reader, const QueryContext& context,
                                           Parameters& parameters, const ApiOptions& options) {
  DeadLetterQuery query;
  query.reason = parameters.Text("reason").value_or("");
  query.after_id =
      static_cast<int64_t>(parameters.Integer("after", 0, 0, static_cast<uint64_t>(INT64_MAX)));
  query.waiting_only = !parameters.Flag("replayed", false);
  query.limit = parameters.Integer("limit", 100, 1, options.max_rows);
  RETURN_IF_ERROR(parameters.Check());
  ASSIGN_OR_RETURN(const std::vector<DeadLetterRow> letters, reader.DeadLetters(context, query));
  JsonWriter json;
  json.BeginObject().Key("dead_letters").BeginArray();
  for (const DeadLetterRow& letter : letters) WriteDeadLetter(json, letter);
  json.EndArray();
  json.Key("next_after");
  if (letters.size() == query.limit) {
    json.Signed(letters.back().id);
  } else {
    json.Null();
  }
  json.EndObject();
  return json.Take();
}

void AddKafkaLagRoute(http::Server& server, std::function<std::vector<KafkaLagRow>()> read) {
  server.Route("GET", "/api/pgvigil/v1/kafka/lag", access::Scope::kAdmin,
               [read = std::move(read)](const http::Request&, const http::Responder& respond) {
                 JsonWriter json;
                 json.BeginObject().Key("partitions").BeginArray();
                 for (const KafkaLagRow& row : read()) {
                   json.BeginObject();
                   json.Key("topic").String(row.topic);
                   json.Key("partition").Signed(row.partition);
                   json.Key("next_offset").Signed(row.next_offset);
                   json.Key("high_watermark").Signed(row.high_watermark);
                   json.Key("lag").Signed(row.lag);
                   json.Key("paused").Bool(row.paused);
                   json.Key("blocked").String(row.blocked);
                   json.EndObject();
                 }
                 json.EndArray().EndObject();
                 http::Response response;
                 response.body = json.Take() + "\n";
                 response.headers.emplace_back("Cache-Control", "no-store");
                 respond(std::move(response));
               });
}

}  // namespace collector::api
