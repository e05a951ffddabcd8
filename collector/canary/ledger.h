#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "collector/api/telemetry_reader.h"
#include "shared/base/clock.h"

namespace collector::canary {

// What a comparison found, each thing once: what an earlier one told is not told again.
struct Finding {
  std::vector<std::chrono::duration<double>> delays;  // from sending to being read first
  std::vector<int64_t> lost;                          // times of samples, in Unix nanoseconds
  uint64_t duplicates = 0;
  uint64_t wrong = 0;      // another value than was sent
  size_t missing_now = 0;  // lost ones that have not come back
};

// The samples that the canary sent, and what became of them. Not thread-safe.
class Ledger {
 public:
  struct Options {
    std::chrono::nanoseconds deadline{};  // acknowledged for so long and not to be read: lost
    std::chrono::nanoseconds keep{};      // for how long a sample is looked for
  };
  explicit Ledger(Options options) : options_(options) {}

  // Sent now; times ascend.
  void Send(const api::SampleRow& sample, shared::MonotonicTime now);
  // The sample of that time is durable, says the store.
  void Acknowledge(int64_t time_unix_nano, shared::MonotonicTime now);

  // `read`: all samples of the series in [from, end), from >= oldest(). A sample that was not
  // acknowledged may be there or not. One that was read before and is not any more is lost.
  Finding Compare(std::span<const api::SampleRow> read, int64_t from, int64_t end,
                  shared::MonotonicTime now);

  // Times of the first and the last sample that the ledger knows; 0 before there is one.
  [[nodiscard]] int64_t oldest() const;
  [[nodiscard]] int64_t newest() const;
  [[nodiscard]] bool WasRead(int64_t time_unix_nano) const;

 private:
  struct Entry {
    double value = 0;
    shared::MonotonicTime sent;
    std::optional<shared::MonotonicTime> acknowledged;
    bool read = false;
    bool lost = false;
    bool doubled = false;
    bool wrong = false;
  };
  const Options options_;
  std::map<int64_t, Entry> entries_;  // by time
  std::set<int64_t> strangers_;       // times that were read and never sent
};

}  // namespace collector::canary
