#pragma once

#include <chrono>
#include <initializer_list>

#include <csignal>

namespace shared {

// Signals as events for the main thread. Construct before any thread starts: they inherit the mask,
// so that the signals reach Wait() alone.
class SignalSet {
 public:
  explicit SignalSet(std::initializer_list<int> signals);

  // The next signal of the set; 0 when `timeout` passed first.
  int Wait(std::chrono::milliseconds timeout) const;

 private:
  sigset_t set_;
};

}  // namespace shared
