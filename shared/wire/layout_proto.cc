#include "shared/wire/layout_proto.h"

#include <algorithm>
#include <cstring>

#include "shared/text/hex.h"
#include "shared/text/utf8.h"

namespace shared::wire {
namespace {

using Attributes = google::protobuf::RepeatedPtrField<pgvigil::v1::Attribute>;

void AddLabels(const model::Labels& labels, Attributes& out) {
  out.Reserve(static_cast<int>(labels.size()));
  for (const model::Label& label : labels) {
    pgvigil::v1::Attribute& attribute = *out.Add();
    attribute.set_name(label.name);
    attribute.set_value(label.value);
  }
}

// `what`: "the name", "the value of label 'cpu'". Bytes that are not clean are not shown.
Result<void> CheckText(std::string_view text, size_t least, size_t most, std::string_view what) {
  if (text.size() < least || text.size() > most) {
    return Fail(ErrorCode::kInvalidInput, "{} has {} bytes, {} to {} are allowed", what,
                text.size(), least, most);
  }
  if (!text::IsCleanUtf8(text)) {
    return Fail(ErrorCode::kInvalidInput, "{} is not UTF-8, or has a NUL", what);
  }
  return {};
}

Result<model::Labels> TakeLabels(const Attributes& attributes, const LayoutLimits& limits) {
  const auto count = static_cast<size_t>(attributes.size());
  if (count > limits.labels) {
    return Fail(ErrorCode::kInvalidInput, "{} labels, at most {} are allowed", count,
                limits.labels);
  }
  model::Labels labels;
  labels.reserve(count);
  for (const pgvigil::v1::Attribute& attribute : attributes) {
    const std::string& name = attribute.name();
    RETURN_IF_ERROR(CheckText(name, 1, limits.name_bytes, "the name of a label"));
    if (!labels.empty() && labels.back().name == name) {
      return Fail(ErrorCode::kInvalidInput, "label '{}' is repeated", name);
    }
    if (!labels.empty() && labels.back().name > name) {
      return Fail(ErrorCode::kInvalidInput, "label '{}' comes after '{}'", name,
                  labels.back().name);
    }
    const std::string& value = attribute.value();
    if (Result<void> checked = CheckText(value, 0, limits.value_bytes, "the value"); !checked) {
      return tl::make_unexpected(std::move(checked).error().With(fmt::format("label '{}'", name)));
    }
    labels.push_back({name, value});
  }
  return labels;
}

Result<model::MetricKind> TakeKind(int kind) {
  switch (kind) {
    case pgvigil::v1::METRIC_KIND_UNSPECIFIED:
      return model::MetricKind::kUnspecified;
    case pgvigil::v1::METRIC_KIND_GAUGE:
      return model::MetricKind::kGauge;
    case pgvigil::v1::METRIC_KIND_COUNTER:
      return model::MetricKind::kCounter;
    case pgvigil::v1::METRIC_KIND_UP_DOWN_COUNTER:
      return model::MetricKind::kUpDownCounter;
    default:
      return Fail(ErrorCode::kInvalidInput, "kind {} is not known", kind);
  }
}

// All but the name, which the caller has checked.
Result<model::Series> TakeSeries(const pgvigil::v1::Series& proto, const LayoutLimits& limits) {
  model::Series series;
  series.name = proto.name();
  RETURN_IF_ERROR(CheckText(proto.unit(), 0, limits.unit_bytes, "the unit"));
  series.unit = proto.unit();
  ASSIGN_OR_RETURN(series.kind, TakeKind(proto.kind()));
  ASSIGN_OR_RETURN(series.labels, TakeLabels(proto.labels(), limits));
  return series;
}

Result<void> CheckHash(const pgvigil::v1::Layout& proto, model::Layout& layout) {
  if (proto.hash().size() != layout.hash.bytes.size()) {
    return Fail(ErrorCode::kInvalidInput, "layout: the hash has {} bytes, 16 are due",
                proto.hash().size());
  }
  layout.hash = model::ComputeHash(layout.common_labels, layout.series);
  if (std::memcmp(proto.hash().data(), layout.hash.bytes.data(), proto.hash().size()) != 0) {
    return Fail(ErrorCode::kInvalidInput, "layout: hash is {}, the content's is {}",
                text::ToHex(proto.hash()), model::ToHex(layout.hash));
  }
  return {};
}

}  // namespace

pgvigil::v1::Layout ToProto(const model::Layout& layout) {
  pgvigil::v1::Layout proto;
  proto.set_hash(layout.hash.bytes.data(), layout.hash.bytes.size());
  AddLabels(layout.common_labels, *proto.mutable_common_labels());
  proto.mutable_series()->Reserve(static_cast<int>(layout.series.size()));
  for (const model::Series& series : layout.series) {
    pgvigil::v1::Series& out = *proto.add_series();
    out.set_name(series.name);
    out.set_unit(series.unit);
    out.set_kind(static_cast<pgvigil::v1::MetricKind>(series.kind));  // the numbers are the same
    AddLabels(series.labels, *out.mutable_labels());
  }
  return proto;
}

Result<model::Layout> FromProto(const pgvigil::v1::Layout& proto, const LayoutLimits& limits) {
  const auto count = static_cast<size_t>(proto.series_size());
  if (count == 0 || count > limits.series) {
    return Fail(ErrorCode::kInvalidInput, "layout: {} series, 1 to {} are allowed", count,
                limits.series);
  }
  model::Layout layout;
  Result<model::Labels> common = TakeLabels(proto.common_labels(), limits);
  if (!common) {
    return tl::make_unexpected(std::move(common).error().With("layout: common labels"));
  }
  layout.common_labels = *std::move(common);
  layout.series.reserve(count);
  for (int i = 0; i < proto.series_size(); ++i) {
    const std::string& name = proto.series(i).name();
    if (Result<void> checked = CheckText(name, 1, limits.name_bytes, "the name"); !checked) {
      return tl::make_unexpected(
          std::move(checked).error().With(fmt::format("layout: series {}", i)));
    }
    Result<model::Series> series = TakeSeries(proto.series(i), limits);
    if (!series) {
      return tl::make_unexpected(
          std::move(series).error().With(fmt::format("layout: series {} ({})", i, name)));
    }
    layout.series.push_back(*std::move(series));
  }
  RETURN_IF_ERROR(CheckHash(proto, layout));
  return layout;
}

}  // namespace shared::wire
