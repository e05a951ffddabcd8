#include "collector/storage/index/index_keeper.h"

#include <algorithm>

#include "collector/storage/session.h"
#include "shared/concurrency/backoff.h"
#include "shared/concurrency/thread_name.h"
#include "shared/log/log.h"

namespace collector::storage {
namespace {

using namespace std::chrono_literals;
using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::postgres::Connection;

// Of one page of the first load.
constexpr auto kLoadDeadline = 60s;
// A question about the last day asks for series seen kSeenBehindDays before it, and the index grows
// a day older until it is built anew.
constexpr Day kLatelyDays = kSeenBehindDays + 2;

}  // namespace

IndexKeeper::IndexKeeper(IndexOptions options, const shared::Clock& clock,
                         const Readiness& readiness, shared::metrics::Registry& registry)
    : options_(std::move(options)),
      clock_(clock),
      readiness_(readiness),
      series_(registry.AddGauge("collector_index_series", "Series in the label index.")),
      bytes_(registry.AddGauge("collector_index_bytes", "Memory of the label index.")),
      load_seconds_(registry.AddGauge("collector_index_load_seconds",
                                      "How long the label index took to load, last time.")),
      thread_([this](std::stop_token stop) { Run(stop); }) {}

void IndexKeeper::Stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

bool IndexKeeper::Ask(const std::function<void(const SeriesIndex&)>& ask) {
  if (!is_loaded_ || !Refresh()) return false;
  const std::shared_lock lock(index_mutex_);
  ask(loaded_->index);
  return true;
}

Result<void> IndexKeeper::Connect() {
  if (connection_ && connection_->IsOpen()) return {};
  connection_.reset();
  ASSIGN_OR_RETURN(connection_, OpenReadSession(options_.connect, options_.refresh_deadline));
  connection_->SetDeadline(options_.refresh_deadline);
  return {};
}

Result<bool> IndexKeeper::ReadAndApply(const Read& read) {
  ASSIGN_OR_RETURN(IndexLoader::News news, read(loaded_->loader, *connection_));
  const bool full = news.full;
  const std::unique_lock lock(index_mutex_);
  loaded_->loader.Apply(std::move(news), loaded_->index);
  return full;
}

Result<void> IndexKeeper::Refresh() {
  const uint64_t ticket = ++tickets_;
  const std::lock_guard lock(refresh_mutex_);
  if (covered_ >= ticket) return {};  // a round that began later than we asked
  const uint64_t covered = tickets_;
  RETURN_IF_ERROR(Connect());
  for (bool full = true; full;) {
    ASSIGN_OR_RETURN(full, ReadAndApply([this](IndexLoader& loader, Connection& connection) {
                       return loader.ReadNew(connection, loaded_->index);
                     }));
  }
  covered_ = covered;
  return {};
}

Result<void> IndexKeeper::RefreshRarely(const Read& read) {
  const std::lock_guard lock(refresh_mutex_);
  RETURN_IF_ERROR(Connect());
  connection_->SetDeadline(kLoadDeadline);
  const Result<bool> done = ReadAndApply(read);
  if (connection_->IsOpen()) connection_->SetDeadline(options_.refresh_deadline);
  if (!done) return tl::make_unexpected(done.error());
  return {};
}

Result<void> IndexKeeper::Load(std::stop_token stop) {
  RETURN_IF_ERROR(readiness_.Get());
  const shared::MonotonicTime begin = clock_.Monotonic();
  ASSIGN_OR_RETURN(Connection connection, OpenReadSession(options_.connect, 5s));
  connection.SetDeadline(kLoadDeadline);
  const Day today = DayOf(clock_.Now());
  auto fresh = std::make_unique<Loaded>(
      clock_, today > kLatelyDays ? static_cast<Day>(today - kLatelyDays) : Day{0});
  RETURN_IF_ERROR(fresh->loader.LoadAll(connection, fresh->index, stop));
  load_seconds_.Set(std::chrono::duration<double>(clock_.Monotonic() - begin).count());
  shared::log::Info("label index: {} series, {} bytes", fresh->index.size(), fresh->index.bytes());
  const std::lock_guard refresh_lock(refresh_mutex_);
  const std::unique_lock index_lock(index_mutex_);
  std::swap(loaded_, fresh);
  is_loaded_ = true;
  return {};
}

void IndexKeeper::Run(std::stop_token stop) {
  shared::SetThreadName("label-index");
  shared::Backoff backoff({50ms, 5s},
                          static_cast<uint64_t>(clock_.Now().time_since_epoch().count()));
  shared::log::RateLimit warn_limit;
  shared::MonotonicTime reload = clock_.Monotonic();
  shared::MonotonicTime hosts = reload + options_.hosts_interval;
  shared::MonotonicTime seen = reload + options_.seen_interval;
  const auto step = [&]() -> Result<void> {
    const shared::MonotonicTime now = clock_.Monotonic();
    if (!is_loaded_ || now >= reload) {
      RETURN_IF_ERROR(Load(stop));
      reload = now + options_.reload_interval;
    }
    if (now >= hosts) {
      RETURN_IF_ERROR(RefreshRarely([](auto& loader, auto& one) { return loader.ReadHosts(one); }));
      hosts = now + options_.hosts_interval;
    }
    if (now >= seen) {
      RETURN_IF_ERROR(RefreshRarely([](auto& loader, auto& one) { return loader.ReadSeen(one); }));
      seen = now + options_.seen_interval;
    }
    return Refresh();
  };
  while (!stop.stop_requested()) {
    const Result<void> done = step();
    std::chrono::milliseconds pause = options_.refresh_interval;
    if (done) {
      backoff.Reset();
      const std::shared_lock lock(index_mutex_);
      series_.Set(static_cast<double>(loaded_->index.size()));
      bytes_.Set(static_cast<double>(loaded_->index.bytes()));
    } else {
      pause = std::min(pause, backoff.Next());
      uint64_t suppressed = 0;
      if (readiness_.Get() && warn_limit.Allow(&suppressed)) {
        shared::log::Warn("label index: {} ({} more such failures)", done.error().message,
                          suppressed);
      }
    }
    std::unique_lock lock(wait_mutex_);
    wait_.wait_for(lock, stop, pause, [] { return false; });
  }
}

}  // namespace collector::storage
