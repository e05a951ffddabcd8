#pragma once

#include <memory>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "agent/logs/log_reader.h"
#include "agent/ship/outbox.h"
#include "shared/base/unique_fd.h"
#include "shared/concurrency/guarded.h"
#include "shared/concurrency/pulse.h"

namespace agent::logs {

// The thread "tail": reads the log files of this host and hands their batches to the shipper.
//
//   ASSIGN_OR_RETURN(logs, LogSource::Open(options, clock, drops, capabilities));
//   shipper.Add(logs->outbox());  // sets the outbox's callback
//   logs->Start();
//   postgres target: callback = [&](identity, settings) { logs->UpdatePostgres(identity, settings);
//   } … logs->Stop();       // reads nothing more shipper.Join();     // acknowledgements still
//   come in logs.reset();       // makes the last positions durable
class LogSource {
 public:
  // Opens the checkpoint. The references must outlive the source. Errors: the state directory
  // cannot be made or the checkpoint file not be opened.
  static shared::Result<std::unique_ptr<LogSource>> Open(LogSourceOptions options,
                                                         const shared::Clock& clock,
                                                         pipeline::Drops& drops,
                                                         pipeline::Capabilities& capabilities);
  ~LogSource();

  // Starts the thread. Once.
  void Start();
  // From any thread: a postgres::LogSettingsCallback.
  void UpdatePostgres(const postgres::InstanceIdentity& identity,
                      const postgres::LogSettings& settings);
  // For the ship thread. Lives as long as the source.
  [[nodiscard]] ship::Outbox& outbox() { return reader_->queue(); }
  // What was read and waits for the collector; the files themselves hold the rest. From any thread.
  [[nodiscard]] pgvigil::v1::StreamStatus waiting() const;
  // Ends reading; returns when the thread is gone. Acknowledgements are still taken.
  void Stop();

  [[nodiscard]] const shared::Pulse& pulse() const { return pulse_; }

 private:
  using Update = std::pair<postgres::InstanceIdentity, postgres::LogSettings>;

  LogSource(std::unique_ptr<LogReader> reader, shared::UniqueFd wake, const shared::Clock& clock);
  void Run(std::stop_token stop);
  void Wake() const;
  void Wait(shared::MonotonicTime until);

  const std::unique_ptr<LogReader> reader_;
  const shared::UniqueFd wake_;  // eventfd(2)
  const shared::Clock& clock_;
  shared::Guarded<std::vector<Update>> updates_;
  shared::Pulse pulse_;
  std::jthread thread_;  // last
};

}  // namespace agent::logs
