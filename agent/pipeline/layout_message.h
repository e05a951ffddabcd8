#pragma once

#include "pgvigil/v1/metrics.pb.h"
#include "shared/base/result.h"
#include "shared/model/layout.h"

namespace agent::pipeline {

// A layout as it goes over the wire, and back. Back fails with kMalformed when the hash is not that
// of the content.
pgvigil::v1::Layout ToMessage(const shared::model::Layout& layout);
shared::Result<shared::model::Layout> FromMessage(const pgvigil::v1::Layout& message);

}  // namespace agent::pipeline
