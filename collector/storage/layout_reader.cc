#include "collector/storage/layout_reader.h"

#include "collector/storage/sql_text.h"

namespace collector::storage {

shared::Result<LayoutsById> ReadLayouts(const BinaryQuery& query, LayoutIndexes& known,
                                        std::span<const int64_t> ids) {
  LayoutsById out;
  ArrayText unknown;
  size_t count = 0;
  for (const int64_t id : ids) {
    if (auto layout = known.Find(id)) {
      out.emplace(id, std::move(layout));
    } else {
      unknown.Add(id);
      count += 1;
    }
  }
  if (count == 0) return out;
  ASSIGN_OR_RETURN(const shared::postgres::Rows rows,
                   query("/* pgvigil layouts */ SELECT id, host_id, series_ids FROM pgvigil.layout"
                         " WHERE id = ANY ($1::int8[])",
                         {unknown.Take()}));
  for (size_t row = 0; row < rows.size(); ++row) {
    auto layout = std::make_shared<const LayoutIndex>(rows.Int8(row, 0), rows.Int4(row, 1),
                                                      rows.Int8Array(row, 2));
    known.Add(layout);
    out.emplace(layout->id, std::move(layout));
  }
  return out;
}

}  // namespace collector::storage
