#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "collector/storage/chunks/chunk_codec.h"
#include "shared/base/result.h"
#include "shared/postgres/connection.h"

namespace collector::storage {

// The series of one layout that belong to one family.
struct FamilySlice {
  int64_t family_id = 0;
  FamilyMembers members = 0;
  std::array<uint32_t, kFamilySeries> positions{};  // in the block, by ord; of members only
};

// How the series of a layout are spread over families. Never changes once it is known.
struct LayoutFamilies {
  uint32_t series = 0;
  std::vector<FamilySlice> slices;
};

// Knows the families of layouts, and gives families to series that have none. Run thread only.
class FamilyKeeper {
 public:
  // Makes Find know these layouts; one that does not exist has no series. Series without a family
  // get one, for all series of their host at once, in a transaction of its own per host.
  shared::Result<void> Prepare(shared::postgres::Connection& connection,
                               std::span<const int64_t> layout_ids);
  // Null: not known.
  [[nodiscard]] const LayoutFamilies* Find(int64_t layout_id) const;
  // Another database may be behind the next connection.
  void Forget();

 private:
  // False: some series have no family; their hosts are in loose_hosts_.
  shared::Result<bool> Load(shared::postgres::Connection& connection,
                            std::span<const int64_t> layout_ids);
  static shared::Result<void> PlaceSeries(shared::postgres::Connection& connection,
                                          int32_t host_id);

  std::unordered_map<int64_t, LayoutFamilies> layouts_;
  size_t series_ = 0;  // of all layouts
  std::vector<int32_t> loose_hosts_;
};

}  // namespace collector::storage
