#include "agent/logs/log_source.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>

#include "shared/concurrency/thread_name.h"

namespace agent::logs {
namespace {

// One wait of a minute, and a slow disk.
constexpr std::chrono::minutes kLongestPause{3};

}  // namespace

shared::Result<std::unique_ptr<LogSource>> LogSource::Open(LogSourceOptions options,
                                                           const shared::Clock& clock,
                                                           pipeline::Drops& drops,
                                                           pipeline::Capabilities& capabilities) {
  ASSIGN_OR_RETURN(std::unique_ptr<LogReader> reader,
                   LogReader::Open(std::move(options), clock, drops, capabilities));
  shared::UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.valid()) return shared::FailErrno(errno, "eventfd");
  return std::unique_ptr<LogSource>(new LogSource(std::move(reader), std::move(wake), clock));
}

LogSource::LogSource(std::unique_ptr<LogReader> reader, shared::UniqueFd wake,
                     const shared::Clock& clock)
    : reader_(std::move(reader)),
      wake_(std::move(wake)),
      clock_(clock),
      pulse_("tail", kLongestPause) {
  reader_->queue().SetSettledCallback([this] { Wake(); });
}

void LogSource::Start() {
  thread_ = std::jthread([this](std::stop_token stop) { Run(std::move(stop)); });
}

LogSource::~LogSource() {
  Stop();
  reader_->Close();
}

void LogSource::UpdatePostgres(const postgres::InstanceIdentity& identity,
                               const postgres::LogSettings& settings) {
  updates_.With([&](std::vector<Update>& updates) { updates.emplace_back(identity, settings); });
  Wake();
}

pgvigil::v1::StreamStatus LogSource::waiting() const {
  pgvigil::v1::StreamStatus status;
  status.set_stream(pgvigil::v1::STREAM_LOGS);
  status.set_waiting_bytes(reader_->queue().waiting_bytes());
  return status;
}

void LogSource::Stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void LogSource::Wake() const {
  const uint64_t one = 1;
  // A full counter (EAGAIN) wakes as well.
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
}

void LogSource::Run(std::stop_token stop) {
  shared::SetThreadName("tail");
  const std::stop_callback wake_on_stop(stop, [this] { Wake(); });
  while (!stop.stop_requested()) {
    pulse_.Beat();
    const std::vector<Update> updates =
        updates_.With([](std::vector<Update>& waiting) { return std::exchange(waiting, {}); });
    for (const Update& update : updates) reader_->SetPostgres(update.first, update.second);
    Wait(reader_->Turn());
  }
}

void LogSource::Wait(shared::MonotonicTime until) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - clock_.Monotonic());
  const auto timeout = std::clamp<int64_t>(left.count(), 0, 60'000);
  std::array<pollfd, 2> ready{pollfd{wake_.get(), POLLIN, 0},
                              pollfd{reader_->watch_fd(), POLLIN, 0}};
  if (::poll(ready.data(), ready.size(), static_cast<int>(timeout)) <= 0) return;
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(wake_.get(), &count, sizeof count);
}

}  // namespace agent::logs
