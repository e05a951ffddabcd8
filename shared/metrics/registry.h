#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

// The program's own metrics, on prometheus-cpp's core (included only in registry.cc).
namespace shared::metrics {

using LabelMap = std::map<std::string, std::string>;

// Grows. Thread-safe.
class Counter {
 public:
  void Increment(double by = 1) const;
  [[nodiscard]] double value() const;

 private:
  friend class Registry;
  explicit Counter(void* native) : native_(native) {}
  void* native_;  // prometheus::Counter, owned by the registry
};

// Goes up and down. Thread-safe.
class Gauge {
 public:
  void Set(double value) const;
  void Add(double by) const;
  [[nodiscard]] double value() const;

 private:
  friend class Registry;
  explicit Gauge(void* native) : native_(native) {}
  void* native_;  // prometheus::Gauge, owned by the registry
};

// Observations in fixed buckets. Thread-safe.
class Histogram {
 public:
  void Observe(double value) const;

 private:
  friend class Registry;
  explicit Histogram(void* native) : native_(native) {}
  void* native_;  // prometheus::Histogram, owned by the registry
};

// Owns the metrics; the handles that it returns live as long as it does and may be copied. The same
// name and labels again give the same metric. Names as in Prometheus: base unit, `_total` for
// counters: "collector_batches_total". Thread-safe.
class Registry {
 public:
  Registry();
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  Counter AddCounter(std::string_view name, std::string_view help, const LabelMap& labels = {});
  Gauge AddGauge(std::string_view name, std::string_view help, const LabelMap& labels = {});
  // Buckets are seconds: 1 ms to 60 s.
  Histogram AddLatencyHistogram(std::string_view name, std::string_view help,
                                const LabelMap& labels = {});

  // Prometheus text exposition format 0.0.4.
  [[nodiscard]] std::string Expose() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace shared::metrics
