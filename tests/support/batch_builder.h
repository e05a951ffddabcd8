#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pgvigil/v1/batch.pb.h"
#include "shared/model/layout.h"
#include "shared/wire/zstd.h"

namespace tests {

// A batch with a sound envelope and no content: the test adds what it is about.
inline pgvigil::v1::Batch MakeBatch(pgvigil::v1::Stream stream, uint64_t sequence = 1) {
  pgvigil::v1::Batch batch;
  batch.set_agent_id(std::string(16, 'a'));
  batch.set_incarnation(7);
  batch.set_stream(stream);
  batch.set_sequence(sequence);
  pgvigil::v1::Attribute* name = batch.mutable_resource()->add_attributes();
  name->set_name("host.name");
  name->set_value("db1");
  return batch;
}

inline std::string Compress(std::string_view content) {
  std::string out;
  shared::wire::Compressor().Append(content, out);
  return out;
}

}  // namespace tests
