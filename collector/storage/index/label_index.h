#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "collector/storage/index/ordinal_table.h"
#include "collector/storage/index/posting_list.h"
#include "collector/storage/index/series_filter.h"
#include "collector/storage/index/symbol_table.h"
#include "shared/model/layout.h"

namespace collector::storage {

// A row of pgvigil.series, as it is told to the index.
struct SeriesEntry {
  int64_t id = 0;
  int32_t host_id = 0;
  std::string_view metric;
  std::string_view unit;
  shared::model::MetricKind kind = shared::model::MetricKind::kUnspecified;
  std::span<const shared::model::Label> labels;
  Day first_day = 0;  // of first_seen, of last_seen
  Day last_day = 0;
  int64_t first_slot =
      0;  // first_seen in steps of ten minutes since 1970, for the counts of new ones
};

// The series of one tenant with an inverted index over their labels: for every (name, value) the
// ascending list of the series that have it. Lists of exact matchers are intersected; every other
// matcher is judged once a value, not once a series, and only for values that are still in the
// running unless there are few. About 100 to 250 bytes a series with eight labels.
//
// Series are named by ordinals, which count from 0 in the order of Add and stay valid as long as
// the index. Pure data: no I/O, no locks; one writer at a time, or any number of readers.
class LabelIndex {
 public:
  static constexpr uint32_t kNone = OrdinalTable::kNone;

  // Names a host, or renames it. Before series of it are added.
  void SetHost(int32_t id, std::string_view name, std::string_view key);
  // False: its id is in already.
  bool Add(const SeriesEntry& series);
  // Series `id` was seen on `day`. False: not in the index.
  bool Touch(int64_t id, Day day);
  // Hides a series from every answer (it moved elsewhere).
  void Hide(int64_t id);

  [[nodiscard]] size_t size() const { return rows_.size(); }
  [[nodiscard]] Day newest_day() const { return newest_day_; }  // of Add and Touch
  [[nodiscard]] uint32_t Find(int64_t id) const;                // kNone: not in

  // Ordinals that pass, ascending.
  [[nodiscard]] std::vector<uint32_t> Select(const SeriesFilter& filter) const;
  // Leaves out series whose metric comes so late by name that `count` others are before it.
  void KeepFirstMetrics(size_t count, std::vector<uint32_t>& ordinals) const;
  [[nodiscard]] api::SeriesRow Row(uint32_t ordinal) const;
  // The entry as it was added; views live as long as the index, labels in `labels`.
  [[nodiscard]] SeriesEntry Entry(uint32_t ordinal, shared::model::Labels& labels) const;
  // Whether a comes before b in answers: by metric, host name, id.
  [[nodiscard]] bool Before(uint32_t a, const LabelIndex& other, uint32_t b) const;

  // Labels of these series, kMetricLabel and kHostLabel included; values of one label.
  [[nodiscard]] std::vector<std::string_view> NamesOf(std::span<const uint32_t> ordinals) const;
  [[nodiscard]] std::vector<std::string_view> ValuesOf(std::string_view name,
                                                       std::span<const uint32_t> ordinals) const;

  // Counts by name, in no order; the lengths of lists, so cheap. `now_slot`: as
  // SeriesEntry::first_slot.
  struct Count {
    uint64_t series = 0;
    uint64_t values = 0;
    uint64_t new_last_hour = 0;
    uint64_t new_last_day = 0;
  };
  using Counts = std::unordered_map<std::string_view, Count>;
  [[nodiscard]] Counts CountMetrics(int64_t now_slot) const;
  [[nodiscard]] Counts CountLabels(int64_t now_slot) const;
  [[nodiscard]] std::unordered_map<int32_t, Count> CountHosts(int64_t now_slot) const;
  // Metrics with series of several units or kinds.
  [[nodiscard]] std::vector<api::MetricConflict> Conflicts() const;

  [[nodiscard]] size_t bytes() const;

 private:
  struct Row32 {
    int64_t id = 0;
    uint32_t host = 0;        // ordinal in hosts_
    uint32_t metric = 0;      // pair
    uint32_t first_pair = 0;  // in row_pairs_; the first is the metric
    uint32_t unit = 0;        // symbol
    uint16_t pairs = 0;
    Day first_day = 0;
    Day last_day = 0;
    uint8_t kind = 0;
    bool hidden = false;
  };
  struct Name {
    uint32_t symbol = 0;
    std::vector<uint32_t> pairs;
  };
  struct Pair {
    uint32_t name = 0;   // ordinal in names_
    uint32_t value = 0;  // symbol
    PostingList series;
  };
  struct Host {
    int32_t id = 0;
    std::string name;
    std::string key;
    PostingList series;
  };
  // New series of ten minutes: by pair of the metric, by name of a label, by host.
  struct NewSeries {
    std::unordered_map<uint32_t, uint32_t> metrics, names, hosts;
  };
  using Ordinals = std::vector<uint32_t>;
  // The series that pass a condition: no two lists share one.
  struct Listing {
    const SeriesFilter::Condition* condition = nullptr;
    std::vector<std::span<const uint32_t>> lists;
    size_t total = 0;  // of their lengths
  };
  static constexpr int64_t kSlotsPerHour = 6;
  static constexpr int64_t kSlotsCounted = 24 * kSlotsPerHour;

  uint32_t AddName(std::string_view name);
  uint32_t AddPair(uint32_t name, std::string_view value);
  [[nodiscard]] uint32_t FindName(std::string_view name) const;
  [[nodiscard]] uint32_t FindPair(uint32_t name, std::string_view value) const;
  void CountNew(const SeriesEntry& series, const Row32& row);
  [[nodiscard]] std::span<const uint32_t> PairsOf(uint32_t ordinal) const;
  [[nodiscard]] std::string_view MetricOf(uint32_t ordinal) const;
  // How many values would have to be judged to list what passes.
  [[nodiscard]] size_t ValuesToJudge(const SeriesFilter::Condition& condition) const;
  // All that passes; the condition does not accept "".
  [[nodiscard]] Listing List(const SeriesFilter::Condition& condition) const;
  [[nodiscard]] Ordinals Union(const Listing& listing) const;
  [[nodiscard]] Ordinals Candidates(std::vector<Listing> listed) const;
  void Narrow(const Listing& listing, Ordinals& candidates) const;
  // Judges each value that a candidate has, once.
  void Keep(const SeriesFilter::Condition& condition, Ordinals& candidates) const;
  void KeepByLabel(const SeriesFilter::Condition& condition, Ordinals& candidates) const;

  SymbolTable symbols_;
  std::vector<Name> names_;
  OrdinalTable name_table_;
  std::vector<Pair> pairs_;
  OrdinalTable pair_table_;
  std::vector<Host> hosts_;
  std::unordered_map<int32_t, uint32_t> host_ordinals_;
  std::vector<Row32> rows_;
  std::vector<uint32_t> row_pairs_;
  OrdinalTable id_table_;
  std::map<int64_t, NewSeries> new_by_slot_;
  Day newest_day_ = 0;
};

}  // namespace collector::storage
