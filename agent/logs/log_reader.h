#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "agent/logs/batch_queue.h"
#include "agent/logs/checkpoint.h"
#include "agent/logs/directory_watch.h"
#include "agent/logs/file_set.h"
#include "agent/logs/redact.h"
#include "agent/pipeline/drops.h"
#include "agent/postgres/instance.h"
#include "pgvigil/v1/batch.pb.h"
#include "pgvigil/v1/resource.pb.h"
#include "shared/base/clock.h"
#include "shared/base/result.h"
#include "shared/log/log.h"
#include "shared/wire/zstd.h"

namespace agent::logs {

struct LogSourceOptions {
  std::string state_directory;  // holds "tail.checkpoint" and "quarantine/"
  std::string agent_id;         // 16 bytes
  pgvigil::v1::Resource resource;
  std::string syslog_path;      // "/var/log/syslog"; "": none
  bool allow_literals = false;  // texts leave as the server wrote them
  std::string zoneinfo_root = "/usr/share/zoneinfo";
  std::string local_zone_path = "/etc/localtime";  // of traditional syslog lines
  std::string debian_root;                         // in front of /var/log/postgresql, for tests

  FileSetOptions files;
  FollowLimits follow;
  size_t batch_bytes = size_t{256} * 1024;   // of file content in one batch, about
  size_t queue_bytes = size_t{1024} * 1024;  // of compressed batches waiting
  uint64_t quarantine_bytes = uint64_t{16} * 1024 * 1024;
  std::chrono::milliseconds linger{200};      // a record waits at most so long for a batch to fill
  std::chrono::milliseconds busy_pause{50};   // between reads at the end of a file that grows
  std::chrono::milliseconds idle_pause{250};  // at most, when it does not
  std::chrono::milliseconds rescan{10'000};   // of the directories, when nothing is told
  std::chrono::milliseconds rescan_gap{200};  // at least, however much is told
  std::chrono::milliseconds checkpoint{1'000};  // at most so often
};

// What the tail thread does, a turn at a time: finds files, reads them, makes batches, keeps
// positions. It does not wait and starts no thread; a test calls Turn with its own clock. One
// thread, but for queue(), which the ship thread uses.
//
// Order: a file's id and cut are durable, then its batch enters the queue; the collector has the
// batch, then the position moves in memory, and within a second on disk. A crash in between reads
// again what the collector skips by (file id, offset). A checkpoint that cannot be written (full
// disk) is reported and changes nothing else.
class LogReader {
 public:
  // Reads the checkpoint. `clock`, `drops` and `capabilities` must outlive the reader.
  static shared::Result<std::unique_ptr<LogReader>> Open(LogSourceOptions options,
                                                         const shared::Clock& clock,
                                                         pipeline::Drops& drops,
                                                         pipeline::Capabilities& capabilities);

  // The log of the PostgreSQL server `identity.name` is where `settings` say, from the next turn
  // on.
  void SetPostgres(const postgres::InstanceIdentity& identity,
                   const postgres::LogSettings& settings);

  // Does what is due and returns when the next turn is. A time that has passed: at once.
  shared::MonotonicTime Turn();
  // Takes in what was settled and writes the checkpoint. Turn must not be called after it.
  void Close();

  [[nodiscard]] BatchQueue& queue() { return *queue_; }
  // Readable when a directory changed; -1: never.
  [[nodiscard]] int watch_fd() const { return watch_.fd(); }

 private:
  struct Source {
    std::function<LocateResult()> locate;
    ParserFactory parsers;
    std::optional<pgvigil::v1::PostgresInstance> instance;
    std::string remark;  // of a source that works, but not as well as it could
    std::string remedy;
    std::set<std::string> directories;
  };

  LogReader(LogSourceOptions options, Checkpoint checkpoint, const shared::Clock& clock,
            pipeline::Drops& drops, pipeline::Capabilities& capabilities);
  void AddSyslog();
  ParserFactory PostgresParsers(const postgres::LogSettings& settings, bool json) const;
  void Scan(shared::MonotonicTime now);
  void ScanSource(const std::string& name, Source& source, std::set<std::string>& directories);
  void ReadFiles(shared::MonotonicTime now);
  // False: the file is not followed any more.
  bool ReadFile(FileSet::Followed& followed, shared::MonotonicTime now);
  void TakeSettled();
  [[nodiscard]] uint64_t pending_bytes();
  void Seal();
  void SaveCheckpoint();
  shared::MonotonicTime NextDue(shared::MonotonicTime now);

  const LogSourceOptions options_;
  const shared::Clock& clock_;
  pipeline::Drops& drops_;
  pipeline::Capabilities& capabilities_;
  const Redactor redactor_;
  Checkpoint checkpoint_;
  FileSet files_;
  uint64_t incarnation_;
  std::unique_ptr<BatchQueue> queue_;
  DirectoryWatch watch_;
  shared::wire::Compressor compressor_;
  std::map<std::string, Source> sources_;
  bool changed_ = true;  // a directory, or what to look for
  bool dirty_ = false;   // the checkpoint on disk is behind
  std::optional<shared::MonotonicTime> last_scan_;
  std::optional<shared::MonotonicTime> last_save_;
  std::optional<shared::MonotonicTime> pending_since_;
  shared::log::RateLimit read_errors_;
  shared::log::RateLimit save_errors_;
};

}  // namespace agent::logs
