#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "pgvigil/v1/batch.pb.h"
#include "shared/model/layout.h"

// A layout that came, as the catalogue wants it. Pure.
namespace collector::storage {

// With the hash of its content, whatever the sender says that it is.
shared::model::Layout ToModel(const pgvigil::v1::Layout& layout);
// 16 bytes.
std::string BytesOf(const shared::model::LayoutHash& hash);

struct SeriesRecord {
  std::string fingerprint;                        // 16 bytes: of name, unit, kind and all labels
  size_t position = 0;                            // in the layout, the first one
  int32_t metric = 0;                             // pgvigil.metric.id; 0: not known yet
  const shared::model::Series* series = nullptr;  // in the layout
  std::string labels;                             // as jsonb takes them, the common ones too
};

// Of every position in the layout its series, and each series once, sorted by fingerprint.
struct LayoutSeries {
  std::vector<std::string> order;  // fingerprints as in the layout
  std::vector<SeriesRecord> records;
};

// Points into `model`.
LayoutSeries SeriesOf(const shared::model::Layout& model);

// Series in unnest form. Sorted by fingerprint, so that two writers that register the same ones
// lock them in the same order.
struct SeriesArrays {
  std::string fingerprints, metrics, kinds, units, labels;
};

SeriesArrays ToArrays(const std::vector<SeriesRecord>& sorted);

}  // namespace collector::storage
