#pragma once

#include <string>

#include "shared/metrics/registry.h"

namespace tests {

// The value of a metric in the exposition: "collector_kafka_queue_bytes"; "" when it is not there.
inline std::string MetricValue(const shared::metrics::Registry& registry, const std::string& name) {
  const std::string text = "\n" + registry.Expose();
  const size_t line = text.find("\n" + name + " ");
  if (line == std::string::npos) return "";
  const size_t value = line + name.size() + 2;
  return text.substr(value, text.find('\n', value) - value);
}

}  // namespace tests
