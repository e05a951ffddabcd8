#include "collector/storage/layout_series.h"

#include <algorithm>
#include <cstring>
#include <tuple>
#include <utility>

#include "collector/storage/sql_text.h"
#include "shared/text/hex.h"

namespace collector::storage {
namespace {

using shared::model::Labels;
using shared::text::ToUuid;

// Common labels and the series' own, which win; sorted, each name once.
Labels MergeLabels(const Labels& common, Labels own) {
  Labels merged = own;
  for (const auto& label : common) {
    const bool overridden = std::any_of(own.begin(), own.end(),
                                        [&](const auto& one) { return one.name == label.name; });
    if (!overridden) merged.push_back(label);
  }
  std::sort(merged.begin(), merged.end());
  return merged;
}

}  // namespace

shared::model::Layout ToModel(const pgvigil::v1::Layout& layout) {
  shared::model::Layout out;
  for (const auto& label : layout.common_labels()) {
    out.common_labels.push_back({label.name(), label.value()});
  }
  out.series.reserve(static_cast<size_t>(layout.series_size()));
  for (const auto& series : layout.series()) {
    shared::model::Series one{
        series.name(), series.unit(), static_cast<shared::model::MetricKind>(series.kind()), {}};
    for (const auto& label : series.labels()) one.labels.push_back({label.name(), label.value()});
    out.series.push_back(std::move(one));
  }
  out.hash = shared::model::ComputeHash(out.common_labels, out.series);
  return out;
}

std::string BytesOf(const shared::model::LayoutHash& hash) {
  std::string bytes(hash.bytes.size(), '\0');
  std::memcpy(bytes.data(), hash.bytes.data(), bytes.size());
  return bytes;
}

LayoutSeries SeriesOf(const shared::model::Layout& model) {
  LayoutSeries out;
  out.records.reserve(model.series.size());
  for (const shared::model::Series& series : model.series) {
    shared::model::Series merged = series;
    merged.labels = MergeLabels(model.common_labels, series.labels);
    std::string labels = LabelsJson(merged.labels);
    std::string fingerprint = BytesOf(shared::model::ComputeHash({}, {merged}));
    out.records.push_back({fingerprint, out.order.size(), 0, &series, std::move(labels)});
    out.order.push_back(std::move(fingerprint));
  }
  std::sort(out.records.begin(), out.records.end(),
            [](const SeriesRecord& a, const SeriesRecord& b) {
              return std::tie(a.fingerprint, a.position) < std::tie(b.fingerprint, b.position);
            });
  out.records.erase(std::unique(out.records.begin(), out.records.end(),
                                [](const SeriesRecord& a, const SeriesRecord& b) {
                                  return a.fingerprint == b.fingerprint;
                                }),
                    out.records.end());
  return out;
}

SeriesArrays ToArrays(const std::vector<SeriesRecord>& sorted) {
  ArrayText fingerprints, metrics, kinds, units, labels;
  for (const SeriesRecord& record : sorted) {
    fingerprints.Add(std::string_view(ToUuid(record.fingerprint)));
    metrics.Add(int64_t{record.metric});
    kinds.Add(static_cast<int64_t>(record.series->kind));
    units.Add(std::string_view(record.series->unit));
    labels.Add(std::string_view(record.labels));
  }
  return {fingerprints.Take(), metrics.Take(), kinds.Take(), units.Take(), labels.Take()};
}

}  // namespace collector::storage
