#include "agent/postgres/views/view.h"

#include <algorithm>
#include <array>

#include "shared/base/check.h"

namespace agent::postgres {

std::span<const View* const> FastViews() {
  static constexpr std::array kViews = {
      &kInstanceView,    &kActivityView, &kDatabaseView,        &kDatabaseConflictsView,
      &kBgwriterView,    &kWalView,      &kWalPositionView,     &kWalReceiverView,
      &kReplicationView, &kArchiverView, &kReplicationSlotsView};
  return kViews;
}

std::span<const View* const> SlowViews() {
  static constexpr std::array kViews = {&kDatabaseSizeView, &kWalDirectoryView};
  return kViews;
}

void AddColumns(const Row& row, std::span<const ColumnMetric> columns,
                std::span<const pipeline::LabelView> row_labels, pipeline::FrameBuilder& frame) {
  std::array<pipeline::LabelView, 5> labels;
  CHECK(row_labels.size() < labels.size());
  for (const ColumnMetric& column : columns) {
    const std::optional<double> value = row.Number(column.column);
    if (!value) continue;
    auto end = std::copy(row_labels.begin(), row_labels.end(), labels.begin());
    if (!column.label.first.empty()) *end++ = column.label;
    std::sort(labels.begin(), end);
    frame.Add(column.metric, std::span(labels.begin(), end), *value * column.scale);
  }
}

void AddIfPresent(const pipeline::Metric& metric, std::span<const pipeline::LabelView> labels,
                  std::optional<double> value, pipeline::FrameBuilder& frame) {
  if (value) frame.Add(metric, labels, *value);
}

}  // namespace agent::postgres
