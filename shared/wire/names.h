#pragma once

#include <string_view>

#include "pgvigil/v1/batch.pb.h"

namespace shared::wire {

// As people and metrics read them: "ok", "degraded", "failed", "off"; "unspecified" for anything
// else.
std::string_view StateName(pgvigil::v1::Capability::State state);
// "metrics", "logs", "statements"; "unspecified" for anything else.
std::string_view StreamName(pgvigil::v1::Stream stream);

}  // namespace shared::wire
