#include "shared/base/signals.h"

#include <pthread.h>
#include <unistd.h>

#include <ctime>

namespace shared {

SignalSet::SignalSet(std::initializer_list<int> signals) {
  sigemptyset(&set_);
  for (const int signal : signals) sigaddset(&set_, signal);
  pthread_sigmask(SIG_BLOCK, &set_, nullptr);
}

int SignalSet::Wait(std::chrono::milliseconds timeout) const {
  timespec limit{};
  limit.tv_sec = timeout.count() / 1000;
  limit.tv_nsec = timeout.count() % 1000 * 1'000'000;
  const int signal = sigtimedwait(&set_, nullptr, &limit);
  return signal > 0 ? signal : 0;
}

void SignalSet::ReleaseForEnd(std::chrono::seconds deadline) const {
  ::alarm(static_cast<unsigned>(deadline.count()));
  pthread_sigmask(SIG_UNBLOCK, &set_, nullptr);
}

}  // namespace shared
