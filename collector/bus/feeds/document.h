#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "collector/ingest/batch_store.h"
#include "pgvigil/v1/resource.pb.h"
#include "shared/text/json_writer.h"

namespace collector::bus {

// The envelope of our JSON feeds, one document a Kafka record (schemas: proto/schemas/):
//   {"schema":"pgvigil.raw-logs.v1","tenant":1,"agent":"01234567-89ab-cdef-0123-456789abcdef",
//    "host":{"host.name":"db1"},"kind":"postgresql.log","observed_time":"2026-11-21T08:00:00.…Z",
//    "attributes":{…},"body":{…}}
// `host` are the attributes of the agent's resource. Numbers that may pass 2^53 and are no amounts
// (query ids, system identifiers, offsets) are strings.
class DocumentHead {
 public:
  DocumentHead(std::string_view schema, const ingest::AcceptedBatch& batch);

  // Writes all up to observed_time. The caller goes on with attributes and body and ends the
  // object.
  void Begin(std::string_view kind, uint64_t observed_unix_nano,
             shared::text::JsonWriter& json) const;
  [[nodiscard]] const std::string& key() const { return agent_; }

 private:
  const std::string schema_;
  const int32_t tenant_;
  const std::string agent_;  // UUID
  std::string host_;         // JSON
};

// Members of an object, "name":"value"; sorted, each name once.
void WriteMembers(const google::protobuf::RepeatedPtrField<pgvigil::v1::Attribute>& attributes,
                  shared::text::JsonWriter& json);
// Members of `attributes` that say which cluster it was: postgresql.instance, .port,
// .system_identifier, .server_version_num.
void WriteInstance(const pgvigil::v1::PostgresInstance& instance, shared::text::JsonWriter& json);

}  // namespace collector::bus
