#include "collector/canary/canary_batch.h"

#include "shared/model/block.h"
#include "shared/model/layout.h"
#include "shared/wire/block_codec.h"
#include "shared/wire/layout_proto.h"
#include "shared/wire/zstd.h"

namespace collector::canary {
namespace {

std::string BytesOf(const shared::model::LayoutHash& hash) {
  return {hash.bytes.begin(), hash.bytes.end()};
}

shared::model::Layout LayoutOf(const Sender& sender) {
  shared::model::Layout layout;
  layout.series.push_back(
      {kMetric, "1", shared::model::MetricKind::kGauge, {{kCollectorLabel, sender.collector}}});
  layout.hash = shared::model::ComputeHash(layout.common_labels, layout.series);
  return layout;
}

}  // namespace

ingest::AcceptedBatch MakeBatch(const Sender& sender, uint64_t sequence,
                                const api::SampleRow& sample) {
  ingest::AcceptedBatch out;
  out.tenant = sender.tenant;
  pgvigil::v1::Batch& batch = out.batch;
  const shared::model::Layout layout = LayoutOf(sender);
  batch.set_agent_id(BytesOf(layout.hash));
  batch.set_incarnation(sender.incarnation);
  batch.set_stream(pgvigil::v1::STREAM_METRICS);
  batch.set_sequence(sequence);
  for (const char* name : {"host.id", "host.name"}) {
    pgvigil::v1::Attribute* attribute = batch.mutable_resource()->add_attributes();
    attribute->set_name(name);
    attribute->set_value(sender.host);
  }
  *batch.add_layouts() = shared::wire::ToProto(layout);
  shared::model::Block block;
  block.series = 1;
  block.times_unix_nano = {sample.time_unix_nano};
  block.values = {sample.value};
  pgvigil::v1::MetricBlock& encoded = *batch.add_blocks();
  encoded.set_layout_hash(BytesOf(layout.hash));
  encoded.set_first_unix_nano(static_cast<uint64_t>(sample.time_unix_nano));
  encoded.set_last_unix_nano(static_cast<uint64_t>(sample.time_unix_nano));
  encoded.set_ticks(1);
  encoded.set_series(1);
  shared::wire::BlockEncoder().Encode(block, *encoded.mutable_payload());
  const std::string content = batch.SerializeAsString();
  out.cost_bytes = content.size();
  shared::wire::Compressor().Append(content, out.body);
  return out;
}

}  // namespace collector::canary
