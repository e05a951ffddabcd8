#include "collector/ingest/foreign/envelope.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>

namespace collector::ingest::foreign {
namespace {

// XXH3-128, big-endian. What is hashed, and how, never changes: the results are stored.
std::string Hash(std::string_view text) {
  XXH128_canonical_t bytes;
  XXH128_canonicalFromHash(&bytes, XXH3_128bits(text.data(), text.size()));
  return std::string(std::begin(bytes.digest), std::end(bytes.digest));
}

// As the catalogue tells hosts apart.
std::string_view HostKey(const shared::model::Labels& host) {
  for (const char* name : {"host.id", "host.name"}) {
    const auto found = std::find_if(host.begin(), host.end(), [&](const auto& label) {
      return label.name == name && !label.value.empty();
    });
    if (found != host.end()) return found->value;
  }
  return {};
}

}  // namespace

pgvigil::v1::Batch MakeEnvelope(const ForeignRecord& record, const shared::model::Labels& host,
                                pgvigil::v1::Stream stream) {
  pgvigil::v1::Batch batch;
  batch.set_agent_id(Hash(
      fmt::format("foreign agent\n{}\n{}\n{}", record.topic, record.partition, HostKey(host))));
  batch.set_incarnation(record.incarnation);
  batch.set_stream(stream);
  batch.set_sequence(static_cast<uint64_t>(record.offset) + 1);
  batch.set_created_unix_nano(static_cast<uint64_t>(shared::ToUnixNanos(record.timestamp)));
  for (const auto& [name, value] : host) {
    pgvigil::v1::Attribute& attribute = *batch.mutable_resource()->add_attributes();
    attribute.set_name(name);
    attribute.set_value(value);
  }
  return batch;
}

std::string PartitionFileId(const ForeignRecord& record) {
  return Hash(
      fmt::format("foreign file\n{}\n{}\n{}", record.topic, record.incarnation, record.partition));
}

}  // namespace collector::ingest::foreign
