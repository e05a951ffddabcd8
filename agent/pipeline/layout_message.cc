#include "agent/pipeline/layout_message.h"

#include <string_view>
#include <utility>

namespace agent::pipeline {
namespace {

using shared::model::Labels;
using shared::model::Layout;
using Attributes = google::protobuf::RepeatedPtrField<pgvigil::v1::Attribute>;

void AddLabels(const Labels& labels, Attributes& out) {
  for (const shared::model::Label& label : labels) {
    pgvigil::v1::Attribute& attribute = *out.Add();
    attribute.set_name(label.name);
    attribute.set_value(label.value);
  }
}

Labels LabelsOf(const Attributes& attributes) {
  Labels out;
  out.reserve(static_cast<size_t>(attributes.size()));
  for (const pgvigil::v1::Attribute& attribute : attributes) {
    out.push_back({attribute.name(), attribute.value()});
  }
  return out;
}

std::string_view BytesOf(const shared::model::LayoutHash& hash) {
  return {reinterpret_cast<const char*>(hash.bytes.data()), hash.bytes.size()};
}

}  // namespace

pgvigil::v1::Layout ToMessage(const Layout& layout) {
  pgvigil::v1::Layout message;
  message.set_hash(std::string(BytesOf(layout.hash)));
  AddLabels(layout.common_labels, *message.mutable_common_labels());
  for (const shared::model::Series& series : layout.series) {
    pgvigil::v1::Series& one = *message.add_series();
    one.set_name(series.name);
    one.set_unit(series.unit);
    one.set_kind(static_cast<pgvigil::v1::MetricKind>(series.kind));
    AddLabels(series.labels, *one.mutable_labels());
  }
  return message;
}

shared::Result<Layout> FromMessage(const pgvigil::v1::Layout& message) {
  Layout layout;
  layout.common_labels = LabelsOf(message.common_labels());
  layout.series.reserve(static_cast<size_t>(message.series_size()));
  for (const pgvigil::v1::Series& one : message.series()) {
    if (one.kind() < 0 || one.kind() > pgvigil::v1::METRIC_KIND_UP_DOWN_COUNTER) {
      return shared::Fail(shared::ErrorCode::kMalformed, "layout: {} has kind {}", one.name(),
                          static_cast<int>(one.kind()));
    }
    layout.series.push_back({one.name(), one.unit(),
                             static_cast<shared::model::MetricKind>(one.kind()),
                             LabelsOf(one.labels())});
  }
  layout.hash = ComputeHash(layout.common_labels, layout.series);
  if (message.hash() != BytesOf(layout.hash)) {
    return shared::Fail(shared::ErrorCode::kMalformed, "layout: content does not have its hash");
  }
  return layout;
}

}  // namespace agent::pipeline
