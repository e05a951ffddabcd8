#include "shared/wire/names.h"

namespace shared::wire {

std::string_view StateName(pgvigil::v1::Capability::State state) {
  switch (state) {
    case pgvigil::v1::Capability::STATE_OK:
      return "ok";
    case pgvigil::v1::Capability::STATE_DEGRADED:
      return "degraded";
    case pgvigil::v1::Capability::STATE_FAILED:
      return "failed";
    case pgvigil::v1::Capability::STATE_OFF:
      return "off";
    default:
      return "unspecified";
  }
}

std::string_view StreamName(pgvigil::v1::Stream stream) {
  switch (stream) {
    case pgvigil::v1::STREAM_METRICS:
      return "metrics";
    case pgvigil::v1::STREAM_LOGS:
      return "logs";
    case pgvigil::v1::STREAM_STATEMENTS:
      return "statements";
    default:
      return "unspecified";
  }
}

}  // namespace shared::wire
