#include "collector/bus/feeds/document.h"

#include <map>

#include "collector/bus/feeds/rfc3339.h"
#include "shared/text/hex.h"

namespace collector::bus {

using shared::text::JsonWriter;

DocumentHead::DocumentHead(std::string_view schema, const ingest::AcceptedBatch& batch)
    : schema_(schema),
      tenant_(batch.tenant.value),
      agent_(shared::text::ToUuid(batch.batch.agent_id())) {
  JsonWriter host;
  host.BeginObject();
  WriteMembers(batch.batch.resource().attributes(), host);
  host.EndObject();
  host_ = host.Take();
}

void DocumentHead::Begin(std::string_view kind, uint64_t observed_unix_nano,
                         JsonWriter& json) const {
  json.BeginObject().Key("schema").String(schema_).Key("tenant").Signed(tenant_);
  json.Key("agent").String(agent_).Key("host").Raw(host_).Key("kind").String(kind);
  json.Key("observed_time").String(FormatRfc3339(observed_unix_nano));
}

void WriteMembers(const google::protobuf::RepeatedPtrField<pgvigil::v1::Attribute>& attributes,
                  JsonWriter& json) {
  std::map<std::string_view, std::string_view> members;
  for (const pgvigil::v1::Attribute& attribute : attributes) {
    members.emplace(attribute.name(), attribute.value());
  }
  for (const auto& [name, value] : members) json.Key(name).String(value);
}

void WriteInstance(const pgvigil::v1::PostgresInstance& instance, JsonWriter& json) {
  json.Key("postgresql.instance").String(instance.name());
  json.Key("postgresql.port").Unsigned(instance.port());
  json.Key("postgresql.system_identifier").String(std::to_string(instance.system_identifier()));
  json.Key("postgresql.server_version_num").Unsigned(instance.server_version_num());
}

}  // namespace collector::bus
