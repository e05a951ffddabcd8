#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <thread>
#include <vector>

#include "agent/pipeline/drops.h"
#include "agent/pipeline/frame.h"
#include "agent/pipeline/telemetry.h"
#include "agent/postgres/session.h"
#include "agent/postgres/views/view.h"
#include "shared/base/clock.h"
#include "shared/concurrency/backoff.h"
#include "shared/log/log.h"

namespace agent::postgres {

struct PostgresTargetOptions {
  SessionOptions session{};
  std::chrono::milliseconds interval{10'000};         // of the statistics views
  std::chrono::milliseconds sizes_interval{300'000};  // of what reads directories
  std::chrono::milliseconds facts_interval{60'000};   // role, log settings, extension
  shared::Backoff::Config reconnect{std::chrono::milliseconds(1'000),
                                    std::chrono::milliseconds(60'000)};
};

// Where a target's work goes. All must outlive it.
struct PostgresTargetOutputs {
  pipeline::TelemetryQueue& queue;
  pipeline::Drops& drops;                // a refused round: "queue_full"
  pipeline::Capabilities& capabilities;  // "postgres:<target>", "pg_stat_statements:<target>"
  const shared::Clock& clock;
  StatementPoller* statements = nullptr;  // null: pg_stat_statements is switched off
  LogSettingsCallback log_settings = {};  // may be empty
};

// Collects from one server, on one thread, over one guarded connection: all views that are due in
// one round trip. While no session can be had, each round is just postgresql.up 0. What a view
// refuses costs its own samples only. Begins with its construction.
class PostgresTarget {
 public:
  PostgresTarget(PostgresTargetOptions options, PostgresTargetOutputs outputs);
  ~PostgresTarget();
  PostgresTarget(const PostgresTarget&) = delete;
  PostgresTarget& operator=(const PostgresTarget&) = delete;

  // Ends after the statement under way, at the latest when its deadline has passed (twice
  // statement_timeout and a second).
  void RequestStop() { thread_.request_stop(); }
  void Join();

 private:
  using TimePoint = std::chrono::steady_clock::time_point;

  void Run(const std::stop_token& stop);
  bool WaitUntil(const std::stop_token& stop, TimePoint time);
  void Connect(TimePoint now);
  void Disconnect(const shared::Error& error);
  void ReportFacts();
  void Collect(bool sizes_due, bool facts_due);
  void TakeRound(std::span<const View* const> views,
                 std::span<const shared::Result<shared::postgres::Rows>> answers,
                 shared::WallTime time, pipeline::FrameBuilder& frame);
  void TakeFacts(std::span<const shared::Result<shared::postgres::Rows>> answers);
  void PollStatements();
  void ReportAway();
  void Push(const pipeline::FrameBuilder::Round& round, shared::WallTime time);
  void SetCapability(const pgvigil::v1::Capability& capability);

  const PostgresTargetOptions options_;
  const PostgresTargetOutputs outputs_;
  // The thread's own:
  std::optional<Session> session_;
  InstanceIdentity identity_;  // the last known, also while away
  std::optional<LogSettings> reported_log_;
  std::optional<shared::Error> view_failure_;  // of the round under way: the first
  std::string failed_view_;
  shared::Backoff backoff_;
  TimePoint next_connect_{};
  pipeline::FrameBuilder frame_;
  pipeline::FrameBuilder sizes_frame_;
  pipeline::FrameBuilder away_frame_;
  shared::log::RateLimit log_limit_;

  std::mutex wait_mutex_;
  std::condition_variable_any wait_;
  std::jthread thread_;  // last: starts when all above exists
};

}  // namespace agent::postgres
