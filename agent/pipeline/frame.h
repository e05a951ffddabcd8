#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "shared/model/layout.h"

namespace agent::pipeline {

// What a source measures: one constexpr table entry per metric.
//   constexpr Metric kCpuTime{"system.cpu.time", "s", MetricKind::kCounter};
struct Metric {
  std::string_view name;  // OpenTelemetry name
  std::string_view unit;  // UCUM
  shared::model::MetricKind kind;
};

using LabelView = std::pair<std::string_view, std::string_view>;

// Collects the samples of one round and remembers the shape of the rounds before: while a source
// adds the same series in the same order, a round allocates nothing and the layout stays the same
// object. When the series change (a disk appears), End() makes a new layout.
//
//   frame.Begin();
//   frame.Add(kCpuTime, {{"cpu", "0"}, {"cpu.mode", "user"}}, seconds);
//   const FrameBuilder::Round round = frame.End();
//
// A metric's `Metric` must outlive the builder; label views need live only for the call. Labels are
// given sorted by name, each name once (a CHECK). Values may be any bytes (a mount point, a
// database's name): in the layout they are clean UTF-8 of at most 4096 bytes, replaced and cut as
// needed. The same series (name and labels) added twice in a round: the second is left out and
// counted. One thread.
class FrameBuilder {
 public:
  struct Round {
    std::shared_ptr<const shared::model::Layout> layout;
    std::span<const double> values;  // one for each series of the layout; valid until Begin()
  };

  explicit FrameBuilder(shared::model::Labels common_labels = {});

  void Begin();
  void Add(const Metric& metric, std::initializer_list<LabelView> labels, double value) {
    Add(metric, std::span(labels.begin(), labels.size()), value);
  }
  void Add(const Metric& metric, std::span<const LabelView> labels, double value);
  // The round's layout and values. An empty round has a layout without series.
  Round End();

  // Changes the labels that all series share; the next End() makes a new layout.
  void SetCommonLabels(shared::model::Labels common_labels);
  [[nodiscard]] uint64_t duplicates() const { return duplicates_; }
  [[nodiscard]] uint64_t layouts_made() const { return layouts_made_; }

 private:
  struct Slot {
    const Metric* metric;
    std::string labels;  // each name and value, its length in front: a value may hold any byte
  };
  bool Matches(const Slot& slot, const Metric& metric, std::span<const LabelView> labels) const;
  // Whether this round has the series already whose labels are in packed_.
  bool SeenThisRound(const Metric& metric, size_t hash) const;
  // Forgets the series of the round before from cursor_ on.
  void Truncate();
  std::shared_ptr<const shared::model::Layout> BuildLayout();

  shared::model::Labels common_labels_;
  std::vector<Slot> slots_;     // the round before; up to cursor_ also this one
  std::vector<double> values_;  // one for each slot
  std::unordered_multimap<size_t, size_t> by_hash_;  // of name and labels -> index of the slot
  std::string packed_;                               // labels of the series being added
  size_t cursor_ = 0;
  bool changed_ = true;
  uint64_t duplicates_ = 0;
  uint64_t layouts_made_ = 0;
  std::shared_ptr<const shared::model::Layout> layout_;
};

}  // namespace agent::pipeline
