#pragma once

#include "agent/config/agent_config.h"
#include "pgvigil/v1/batch.pb.h"
#include "shared/base/result.h"
#include "shared/http/client.h"

namespace agent::doctor {

// "collector": asks <url>/readyz once, within the configured timeout. The API key is not sent: what
// answers there may not be the collector.
pgvigil::v1::Capability CheckCollector(const config::CollectorLink& link);

// What the answer means. Pure. OK only for the collector's own 200; with a remedy for what TLS,
// DNS, a closed port, another program at that address or a collector without its store answer.
pgvigil::v1::Capability JudgeCollector(const config::CollectorLink& link,
                                       const shared::Result<shared::http::Response>& answer);

}  // namespace agent::doctor
