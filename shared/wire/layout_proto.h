#pragma once

#include "pgvigil/v1/metrics.pb.h"
#include "shared/base/result.h"
#include "shared/model/layout.h"

namespace shared::wire {

// What a layout may hold.
struct LayoutLimits {
  size_t series = 20'000;
  size_t labels = 64;       // of one series, and common ones
  size_t name_bytes = 255;  // of a series or a label; at least 1
  size_t unit_bytes = 63;
  size_t value_bytes = 4096;
};

// As it travels; `hash` is taken over as it stands.
pgvigil::v1::Layout ToProto(const model::Layout& layout);

// From a peer, so everything is checked: the limits, clean UTF-8, labels sorted by name and each
// name once, and the hash, which must be ComputeHash() of the rest. A series may have a label of a
// common one's name, for one exporter's odd label must not cost the whole layout: the series' own
// wins.
//   kInvalidInput  layout: series 3 (system.cpu.time): label 'cpu' is repeated
//                  layout: common labels: label 'a' comes after 'b'
//                  layout: series 0: the name has 300 bytes, 1 to 255 are allowed
//                  layout: 20001 series, 1 to 20000 are allowed
//                  layout: hash is 0123…, the content's is 4567…
Result<model::Layout> FromProto(const pgvigil::v1::Layout& proto, const LayoutLimits& limits = {});

}  // namespace shared::wire
