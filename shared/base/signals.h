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

  // The end has begun: from now on the signals have their default effect, so that a second one ends
  // the process at once, and so does SIGALRM when it still lives after `deadline`. Whatever a
  // program acknowledged is durable by then.
  void ReleaseForEnd(std::chrono::seconds deadline) const;

 private:
  sigset_t set_;
};

}  // namespace shared
