#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

// Which series of a host share chunks. Pure.
namespace collector::storage {

// A series that has no family yet.
struct LooseSeries {
  int64_t id = 0;
  std::string metric;
};

// A family that has room.
struct OpenFamily {
  int64_t id = 0;
  size_t size = 0;                   // series in it, below kFamilySeries
  std::vector<std::string> metrics;  // of its series
};

struct FamilyPlan {
  struct Growth {
    int64_t family_id = 0;
    std::vector<int64_t> series_ids;  // to be appended
  };
  std::vector<Growth> grown;
  std::vector<std::vector<int64_t>> made;  // new families
};

// Every loose series goes to a family of its metric that has room; the rest make new ones: metrics
// of more than 16 series are cut into equal parts, small ones are put together with their
// neighbours by name while both fit. What then is left alone with under half of a family's places
// goes to any family that takes it. `loose` by (metric, id); `open` by id.
FamilyPlan PlanFamilies(std::span<const LooseSeries> loose, std::vector<OpenFamily> open);

}  // namespace collector::storage
