#pragma once

#include "collector/api/parameters.h"
#include "collector/api/telemetry_reader.h"

namespace collector::api {

// Which series a request means: metric, host, label.NAME=VALUE and match (a selector in Prometheus'
// syntax, selector_text.h); all that are given must hold. A wrong one is a fault of `parameters`,
// and with `required` the lack of both metric and match.
SeriesSelector ReadSelector(Parameters& parameters, bool required);

// The same, of series seen between from and to, if one of them is given.
SeriesSelector ReadSelectorAndRange(Parameters& parameters);

}  // namespace collector::api
