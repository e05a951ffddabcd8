#pragma once

#include "collector/ingest/foreign/point_table.h"
#include "opentelemetry/proto/collector/metrics/v1/metrics_service.pb.h"

namespace collector::ingest::foreign {

// Adds the points of an OTLP message to `table`. Names and units stay as they are.
//   gauge                  a gauge
//   sum, cumulative        monotonic: a counter, else an up-down counter
//   histogram, cumulative  counters, as Prometheus has them: NAME_bucket{le}, cumulative, with the
//                          last le "+Inf"; NAME_sum; NAME_count
//   summary                gauges NAME{quantile}, counters NAME_sum and NAME_count
// A point's attributes are the labels, with otel.scope.name and otel.scope.version when the scope
// has a name (source.h for those of the resource). A point without a recorded value becomes a stale
// marker in each of its series that can be told.
//
// Refuses delta sums and histograms ("delta_temporality": to add them up, every delta since the
// start would have to be known, across restarts and rebalances; producers convert with the
// cumulative preference or the deltatocumulative processor), sums without temporality
// ("unspecified_temporality") and exponential histograms ("exponential_histogram"). A resource
// whose attributes cannot be stored is refused with all its points.
void ReadOtlpMetrics(
    const opentelemetry::proto::collector::metrics::v1::ExportMetricsServiceRequest& request,
    const ForeignRecord& record, const ForeignLimits& limits, PointTable& table,
    Refusals& refusals);

}  // namespace collector::ingest::foreign
