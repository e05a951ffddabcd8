#pragma once

#include <chrono>
#include <cstdint>
#include <random>

namespace shared {

// Waits between attempts: a random half to whole of a ceiling that doubles from `first` to `most`,
// so that a fleet does not come back in step. One thread.
class Backoff {
 public:
  struct Config {
    std::chrono::milliseconds first{500};
    std::chrono::milliseconds most{60'000};
  };

  Backoff(Config config, uint64_t seed) : config_(config), random_(seed) {}

  // How long to wait before the next attempt; each call raises the ceiling.
  std::chrono::milliseconds Next();
  // After a success.
  void Reset() { failures_ = 0; }
  [[nodiscard]] int failures() const { return failures_; }

 private:
  Config config_;
  std::mt19937_64 random_;
  int failures_ = 0;
};

}  // namespace shared
