#include "collector/bus/feeds/otlp_records.h"

#include <algorithm>
#include <utility>

#include "collector/bus/feeds/protobuf_bytes.h"
#include "opentelemetry/proto/logs/v1/logs.pb.h"
#include "opentelemetry/proto/metrics/v1/metrics.pb.h"
#include "opentelemetry/proto/resource/v1/resource.pb.h"
#include "shared/base/version.h"
#include "shared/text/hex.h"

namespace collector::bus {
namespace {

using opentelemetry::proto::common::v1::AnyValue;
using opentelemetry::proto::common::v1::InstrumentationScope;
using opentelemetry::proto::common::v1::KeyValue;
using opentelemetry::proto::metrics::v1::MetricsData;
using opentelemetry::proto::metrics::v1::ResourceMetrics;
using opentelemetry::proto::metrics::v1::ScopeMetrics;
using opentelemetry::proto::resource::v1::Resource;
using shared::text::JsonWriter;

constexpr std::string_view kTenant = "pgvigil.tenant";
constexpr size_t kLengths = 96;  // of a frame: tags and lengths, or keys and brackets

// One way to frame both signals.
using opentelemetry::proto::logs::v1::LogsData;
using opentelemetry::proto::logs::v1::ResourceLogs;
using opentelemetry::proto::logs::v1::ScopeLogs;
static_assert(int{LogsData::kResourceLogsFieldNumber} ==
              int{MetricsData::kResourceMetricsFieldNumber});
static_assert(int{ResourceLogs::kResourceFieldNumber} ==
              int{ResourceMetrics::kResourceFieldNumber});
static_assert(int{ResourceLogs::kScopeLogsFieldNumber} ==
              int{ResourceMetrics::kScopeMetricsFieldNumber});
static_assert(int{ScopeLogs::kScopeFieldNumber} == int{ScopeMetrics::kScopeFieldNumber});
static_assert(int{ScopeLogs::kLogRecordsFieldNumber} == int{ScopeMetrics::kMetricsFieldNumber});

Resource MakeResource(const ingest::AcceptedBatch& batch) {
  Resource resource;
  for (const pgvigil::v1::Attribute& attribute : batch.batch.resource().attributes()) {
    if (attribute.name() == kTenant) continue;  // not the agent's to say
    KeyValue& added = *resource.add_attributes();
    added.set_key(attribute.name());
    added.mutable_value()->set_string_value(attribute.value());
  }
  KeyValue& tenant = *resource.add_attributes();
  tenant.set_key(std::string(kTenant));
  tenant.mutable_value()->set_int_value(batch.tenant.value);
  return resource;
}

std::string EncodeResource(OtlpEncoding encoding, const Resource& resource) {
  if (encoding == OtlpEncoding::kProto) return resource.SerializeAsString();
  JsonWriter json;
  json.BeginObject().Key("attributes");
  WriteOtlpAttributes(resource.attributes(), json);
  json.EndObject();
  return json.Take();
}

std::string EncodeScope(OtlpEncoding encoding) {
  if (encoding == OtlpEncoding::kProto) {
    InstrumentationScope scope;
    scope.set_name("pgvigil");
    scope.set_version(shared::kVersion);
    return scope.SerializeAsString();
  }
  JsonWriter json;
  json.BeginObject().Key("name").String("pgvigil").Key("version").String(shared::kVersion);
  json.EndObject();
  return json.Take();
}

}  // namespace

OtlpEncoding OtlpEncodingOf(std::string_view name) {
  return name == "otlp_json" ? OtlpEncoding::kJson : OtlpEncoding::kProto;
}

std::string_view ContentType(OtlpEncoding encoding) {
  return encoding == OtlpEncoding::kProto ? "application/x-protobuf" : "application/json";
}

void WriteOtlpAttributes(const google::protobuf::RepeatedPtrField<KeyValue>& attributes,
                         JsonWriter& json) {
  json.BeginArray();
  for (const KeyValue& attribute : attributes) {
    json.BeginObject().Key("key").String(attribute.key()).Key("value").BeginObject();
    const AnyValue& value = attribute.value();
    if (value.has_string_value()) json.Key("stringValue").String(value.string_value());
    if (value.has_bool_value()) json.Key("boolValue").Bool(value.bool_value());
    if (value.has_int_value()) json.Key("intValue").String(std::to_string(value.int_value()));
    json.EndObject().EndObject();
  }
  json.EndArray();
}

OtlpRecords::OtlpRecords(OtlpEncoding encoding, OtlpSignal signal,
                         const ingest::AcceptedBatch& batch, size_t record_bytes,
                         std::vector<FeedRecord>& out)
    : encoding_(encoding),
      signal_(signal),
      record_bytes_(record_bytes),
      key_(shared::text::ToUuid(batch.batch.agent_id())),
      resource_(EncodeResource(encoding, MakeResource(batch))),
      scope_(EncodeScope(encoding)),
      out_(out) {
  frame_ = resource_.size() + scope_.size() + kLengths;
}

void OtlpRecords::Add(std::string_view item, uint64_t count) {
  if (count_ > 0 && item.size() > room()) Close();
  if (encoding_ == OtlpEncoding::kProto) {
    protobuf_bytes::AppendField(ScopeMetrics::kMetricsFieldNumber, item, items_);
  } else {
    if (count_ > 0) items_.push_back(',');
    items_.append(item);
  }
  count_ += count;
}

void OtlpRecords::Close() {
  if (count_ == 0) return;
  std::string value = encoding_ == OtlpEncoding::kProto ? FrameProto() : FrameJson();
  closed_bytes_ += value.size();
  out_.push_back({.key = key_, .value = std::move(value), .items = count_});
  items_.clear();
  count_ = 0;
}

std::string OtlpRecords::FrameProto() const {
  using protobuf_bytes::AppendField;
  std::string scope_items;
  scope_items.reserve(used());
  AppendField(ScopeMetrics::kScopeFieldNumber, scope_, scope_items);
  scope_items += items_;
  std::string resource_items;
  resource_items.reserve(used());
  AppendField(ResourceMetrics::kResourceFieldNumber, resource_, resource_items);
  AppendField(ResourceMetrics::kScopeMetricsFieldNumber, scope_items, resource_items);
  std::string out;
  out.reserve(used());
  AppendField(MetricsData::kResourceMetricsFieldNumber, resource_items, out);
  return out;
}

std::string OtlpRecords::FrameJson() const {
  const bool metrics = signal_ == OtlpSignal::kMetrics;
  JsonWriter json;
  json.BeginObject().Key(metrics ? "resourceMetrics" : "resourceLogs").BeginArray();
  json.BeginObject().Key("resource").Raw(resource_);
  json.Key(metrics ? "scopeMetrics" : "scopeLogs").BeginArray();
  json.BeginObject().Key("scope").Raw(scope_);
  json.Key(metrics ? "metrics" : "logRecords").BeginArray().Raw(items_).EndArray().EndObject();
  json.EndArray().EndObject().EndArray().EndObject();
  return json.Take();
}

}  // namespace collector::bus
