#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "collector/storage/index/label_index.h"

namespace collector::storage {

// The series of all tenants. Each tenant has an index of its own, so that nothing can leak; and two
// of them: series seen lately, and those that seem dead. A question about the last days looks at
// the first only, however many dead series there are; one that comes back to life moves over.
//
// Pure data: no I/O, no locks; one writer at a time, or any number of readers.
class SeriesIndex {
 public:
  // Series last seen before `lately` are taken for dead.
  explicit SeriesIndex(Day lately) : lately_(lately) {}

  void SetHost(int32_t tenant, int32_t id, std::string_view name, std::string_view key);
  [[nodiscard]] bool HasHost(int32_t id) const { return tenant_of_host_.contains(id); }
  // Its host is known. False: the series is in already.
  bool Add(const SeriesEntry& series);
  void Touch(int32_t host_id, int64_t id, Day day);

  // At most `limit`, by metric, host name and id.
  [[nodiscard]] std::vector<api::SeriesRow> Select(int32_t tenant, const SeriesFilter& filter,
                                                   size_t limit) const;
  // At most `limit`, sorted.
  [[nodiscard]] std::vector<std::string> LabelNames(int32_t tenant, const SeriesFilter& filter,
                                                    size_t limit) const;
  [[nodiscard]] std::vector<std::string> LabelValues(int32_t tenant, const std::string& name,
                                                     const SeriesFilter& filter,
                                                     size_t limit) const;
  // Of the series seen lately: all but limits, refusals and what is active.
  [[nodiscard]] api::Cardinality Count(int32_t tenant, shared::WallTime now, size_t top) const;

  [[nodiscard]] size_t size() const;
  [[nodiscard]] size_t bytes() const;

 private:
  struct Tenant {
    LabelIndex lately;
    LabelIndex dead;
  };
  // Calls `use(index, ordinals)` for each index that has series that pass.
  template <typename Use>
  void ForEachIndex(int32_t tenant, const SeriesFilter& filter, Use use) const;

  const Day lately_;
  std::map<int32_t, std::unique_ptr<Tenant>> tenants_;
  std::unordered_map<int32_t, int32_t> tenant_of_host_;
  std::unordered_map<int32_t, std::string> host_names_;
};

// Steps of ten minutes since 1970: SeriesEntry::first_slot.
int64_t SlotOf(shared::WallTime time);

}  // namespace collector::storage
