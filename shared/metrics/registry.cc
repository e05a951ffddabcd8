#include "shared/metrics/registry.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace shared::metrics {

void Counter::Increment(double by) const {
  static_cast<prometheus::Counter*>(native_)->Increment(by);
}
double Counter::value() const {
  return static_cast<prometheus::Counter*>(native_)->Value();
}
void Gauge::Set(double value) const {
  static_cast<prometheus::Gauge*>(native_)->Set(value);
}
void Gauge::Add(double by) const {
  static_cast<prometheus::Gauge*>(native_)->Increment(by);
}
double Gauge::value() const {
  return static_cast<prometheus::Gauge*>(native_)->Value();
}
void Histogram::Observe(double value) const {
  static_cast<prometheus::Histogram*>(native_)->Observe(value);
}

struct Registry::Impl {
  prometheus::Registry registry{prometheus::Registry::InsertBehavior::Merge};
};

Registry::Registry() : impl_(std::make_unique<Impl>()) {}
Registry::~Registry() = default;

Counter Registry::AddCounter(std::string_view name, std::string_view help, const LabelMap& labels) {
  auto& family = prometheus::BuildCounter()
                     .Name(std::string(name))
                     .Help(std::string(help))
                     .Register(impl_->registry);
  return Counter(&family.Add(labels));
}

Gauge Registry::AddGauge(std::string_view name, std::string_view help, const LabelMap& labels) {
  auto& family = prometheus::BuildGauge()
                     .Name(std::string(name))
                     .Help(std::string(help))
                     .Register(impl_->registry);
  return Gauge(&family.Add(labels));
}

Histogram Registry::AddLatencyHistogram(std::string_view name, std::string_view help,
                                        const LabelMap& labels) {
  auto& family = prometheus::BuildHistogram()
                     .Name(std::string(name))
                     .Help(std::string(help))
                     .Register(impl_->registry);
  return Histogram(&family.Add(
      labels, prometheus::Histogram::BucketBoundaries{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                                      0.25, 0.5, 1, 2.5, 5, 10, 30, 60}));
}

std::string Registry::Expose() const {
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

}  // namespace shared::metrics
