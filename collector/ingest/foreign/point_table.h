#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "collector/ingest/foreign/foreign_limits.h"
#include "collector/ingest/foreign/foreign_record.h"
#include "collector/ingest/foreign/point_blocks.h"
#include "collector/ingest/foreign/source.h"
#include "collector/ingest/refusals.h"
#include "pgvigil/v1/batch.pb.h"
#include "shared/model/layout.h"

namespace collector::ingest::foreign {

// Gathers the points of one record in any order and makes batches of them (point_blocks.h), one
// family at a time: a metric of one source; a histogram's _bucket, _sum and _count belong together.
class PointTable {
 public:
  // Both must outlive the table.
  PointTable(const ForeignLimits& limits, shared::WallTime now, Refusals& refusals)
      : limits_(limits), now_(now), refusals_(refusals) {}

  struct Family {
    shared::model::Labels common;
    std::map<std::pair<std::string, shared::model::Labels>, SeriesPoints> series;
  };
  // Where the points of a metric go; valid until Take.
  Family& Open(const Source& source, const std::string& name);

  // Adds one point, or refuses it. The labels need not be sorted; those with an empty value are
  // left out, for they are the same as none.
  void Add(Family& family, shared::model::Series series, uint64_t unix_nano, double value);

  // One batch for each host that has points. Empties the table.
  std::vector<pgvigil::v1::Batch> Take(const ForeignRecord& record);

 private:
  [[nodiscard]] std::string_view Fault(const Family& family, const shared::model::Series& series,
                                       uint64_t unix_nano, std::string& example) const;
  void SortPoints(SeriesPoints& series);

  const ForeignLimits& limits_;
  const shared::WallTime now_;
  Refusals& refusals_;
  size_t points_ = 0;
  size_t series_bytes_ = 0;
  // By host, then by common labels and the metric's name.
  std::map<shared::model::Labels, std::map<std::pair<shared::model::Labels, std::string>, Family>>
      hosts_;
};

}  // namespace collector::ingest::foreign
