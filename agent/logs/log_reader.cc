#include "agent/logs/log_reader.h"

#include <algorithm>
#include <utility>

#include "agent/logs/postgres_json.h"
#include "agent/logs/postgres_stderr.h"
#include "agent/logs/syslog.h"
#include "agent/logs/time_zone.h"
#include "shared/base/file.h"

namespace agent::logs {
namespace {

using pgvigil::v1::Capability;
using shared::Result;

constexpr std::string_view kSyslog = "syslog";

// Local time of this host; UTC when nothing tells.
TimeZone LocalZone(const std::string& path) {
  const Result<std::string> file = shared::ReadFile(path, size_t{1} << 20);
  if (!file) return TimeZone();
  Result<TimeZone> zone = TimeZone::Parse(*file);
  return zone ? std::move(*zone) : TimeZone();
}

bool HasEscape(std::string_view prefix, std::string_view escapes) {
  for (size_t i = 0; i + 1 < prefix.size(); ++i) {
    if (prefix[i] != '%') continue;
    i += 1;
    while (i < prefix.size() && (prefix[i] == '-' || (prefix[i] >= '0' && prefix[i] <= '9'))) {
      i += 1;
    }
    if (i < prefix.size() && escapes.find(prefix[i]) != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace

Result<std::unique_ptr<LogReader>> LogReader::Open(LogSourceOptions options,
                                                   const shared::Clock& clock,
                                                   pipeline::Drops& drops,
                                                   pipeline::Capabilities& capabilities) {
  RETURN_IF_ERROR(shared::MakeDirectories(options.state_directory));
  const std::string path = options.state_directory + "/tail.checkpoint";
  ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::Open(path));
  if (checkpoint.origin() == Checkpoint::Origin::kDamaged) {
    shared::log::Warn(
        "{} is damaged: log files are read from their beginnings again, and what the "
        "collector has it skips",
        path);
  }
  return std::unique_ptr<LogReader>(
      new LogReader(std::move(options), std::move(checkpoint), clock, drops, capabilities));
}

LogReader::LogReader(LogSourceOptions options, Checkpoint checkpoint, const shared::Clock& clock,
                     pipeline::Drops& drops, pipeline::Capabilities& capabilities)
    : options_(std::move(options)),
      clock_(clock),
      drops_(drops),
      capabilities_(capabilities),
      redactor_(options_.allow_literals),
      checkpoint_(std::move(checkpoint)),
      files_(checkpoint_.loaded(), checkpoint_.origin(), options_.files, drops),
      incarnation_(std::max(static_cast<uint64_t>(shared::ToUnixNanos(clock.Now())),
                            checkpoint_.loaded().last_incarnation + 1)) {
  BatchQueue::Options queue;
  queue.incarnation = incarnation_;
  queue.capacity_bytes = options_.queue_bytes;
  queue.quarantine_directory = options_.state_directory + "/quarantine";
  queue.quarantine_bytes = options_.quarantine_bytes;
  queue_ = std::make_unique<BatchQueue>(std::move(queue), drops);
  if (!options_.syslog_path.empty()) AddSyslog();
}

void LogReader::AddSyslog() {
  Source& source = sources_[std::string(kSyslog)];
  source.locate = [path = options_.syslog_path] { return LocateSyslog(path); };
  source.parsers = [this, zone = LocalZone(options_.local_zone_path)] {
    return std::make_unique<SyslogParser>(zone, clock_, redactor_);
  };
}

ParserFactory LogReader::PostgresParsers(const postgres::LogSettings& settings, bool json) const {
  Result<TimeZone> zone = TimeZone::Load(
      settings.log_timezone.empty() ? "UTC" : settings.log_timezone, options_.zoneinfo_root);
  if (!zone)
    shared::log::Warn("logs: {}; its abbreviations are taken as UTC", zone.error().message);
  const TimeZone used = zone ? std::move(*zone) : TimeZone();
  if (json) {
    return [this, used] { return std::make_unique<PostgresJsonParser>(used, redactor_); };
  }
  return [this, used, prefix = settings.log_line_prefix] {
    return std::make_unique<PostgresStderrParser>(prefix, used, redactor_,
                                                  options_.files.max_record_bytes);
  };
}

void LogReader::SetPostgres(const postgres::InstanceIdentity& identity,
                            const postgres::LogSettings& settings) {
  const std::string name = "postgres:" + identity.name;
  Source& source = sources_[name];
  source.locate = [settings, root = options_.debian_root] {
    return LocatePostgres(settings, root);
  };
  pgvigil::v1::PostgresInstance& instance = source.instance.emplace();
  instance.set_system_identifier(identity.system_identifier);
  instance.set_name(identity.name);
  instance.set_port(identity.port);
  instance.set_server_version_num(static_cast<uint32_t>(std::max(identity.server_version, 0)));
  const LocateResult found = source.locate();
  const bool json =
      found.location && found.location->format == pgvigil::v1::LOG_FORMAT_POSTGRES_JSON;
  source.parsers = PostgresParsers(settings, json);
  source.remark.clear();
  source.remedy.clear();
  if (found.location && !json &&
      (!HasEscape(settings.log_line_prefix, "mtn") || !HasEscape(settings.log_line_prefix, "p"))) {
    source.remark =
        fmt::format("log_line_prefix = '{}' has no time or no pid", settings.log_line_prefix);
    source.remedy = "log_line_prefix = '%m [%p] %q%u@%d ' in postgresql.conf, reload";
  }
  files_.ReplaceParsers(name, source.parsers, clock_.Now());
  changed_ = true;
  last_scan_.reset();
}

shared::MonotonicTime LogReader::Turn() {
  const shared::MonotonicTime now = clock_.Monotonic();
  TakeSettled();
  if (files_.CloseFinished()) {
    dirty_ = true;
    changed_ = true;  // others may have waited for a free place
  }
  if (watch_.TakeChanged()) changed_ = true;
  const bool may_scan = !last_scan_ || now - *last_scan_ >= options_.rescan_gap;
  if (may_scan && (changed_ || now - *last_scan_ >= options_.rescan)) Scan(now);
  ReadFiles(now);
  if (pending_since_ && now - *pending_since_ >= options_.linger) Seal();
  if (dirty_ && (!last_save_ || now - *last_save_ >= options_.checkpoint)) SaveCheckpoint();
  return NextDue(now);
}

void LogReader::Close() {
  TakeSettled();
  files_.CloseFinished();
  SaveCheckpoint();
}

void LogReader::TakeSettled() {
  for (const FilePosition& position : queue_->TakeSettled()) {
    files_.Settle(position);
    dirty_ = true;
  }
}

void LogReader::Scan(shared::MonotonicTime now) {
  changed_ = false;
  last_scan_ = now;
  std::set<std::string> directories;
  for (auto& [name, source] : sources_) ScanSource(name, source, directories);
  watch_.Set(directories);
}

void LogReader::ScanSource(const std::string& name, Source& source,
                           std::set<std::string>& directories) {
  const std::string capability = name == kSyslog ? "logs:syslog" : "logs:" + name.substr(9);
  const LocateResult found = source.locate();
  if (!found.location) {
    capabilities_.Set(capability, Capability::STATE_FAILED, found.problem, found.remedy);
    return;
  }
  directories.insert(found.location->directory);
  const Result<void> scanned = files_.Rescan(name, *found.location, source.parsers);
  dirty_ = true;
  const bool reads = std::any_of(files_.followed().begin(), files_.followed().end(),
                                 [&](const auto& each) { return each.source == name; });
  if (!scanned) {
    capabilities_.Set(capability, Capability::STATE_FAILED, scanned.error().message, found.remedy);
  } else if (!found.problem.empty()) {
    capabilities_.Set(capability, Capability::STATE_FAILED, found.problem, found.remedy);
  } else if (!reads) {
    capabilities_.Set(capability, Capability::STATE_FAILED,
                      fmt::format("no readable log file in {}", found.location->directory),
                      "log_file_mode = 0640 in postgresql.conf, and the agent's user in the files' "
                      "group (usermod -aG adm)");
  } else {
    capabilities_.Set(capability,
                      source.remark.empty() ? Capability::STATE_OK : Capability::STATE_DEGRADED,
                      source.remark, source.remedy);
  }
}

void LogReader::ReadFiles(shared::MonotonicTime now) {
  for (auto it = files_.followed().begin(); it != files_.followed().end();) {
    // Full: the files are the buffer. A file's turn ends with what one turn may read.
    if (!queue_->HasRoom()) return;
    const auto current = it++;
    if (current->next_poll > now || current->file->finished()) continue;
    if (!ReadFile(*current, now)) {
      files_.Drop(current);
      changed_ = true;
    }
    if (pending_bytes() >= options_.batch_bytes) Seal();
  }
  if (!pending_since_ && pending_bytes() > 0) pending_since_ = now;
}

bool LogReader::ReadFile(FileSet::Followed& followed, shared::MonotonicTime now) {
  TailFile& file = followed.file->file();
  const uint64_t before = file.read_offset();
  const uint64_t cut_before = file.cut_bytes();
  const Result<FollowedFile::State> state = followed.file->Turn(options_.follow, clock_);
  if (!state) {
    if (read_errors_.Allow())
      shared::log::Warn("logs {}: {}", followed.source, state.error().message);
    return false;
  }
  if (file.cut_bytes() > cut_before) {
    drops_.Add(pgvigil::v1::STREAM_LOGS, "record_cut", 0, file.cut_bytes() - cut_before);
  }
  switch (*state) {
    case FollowedFile::State::kRead:
      followed.pause = options_.busy_pause;
      followed.next_poll = now;
      if (file.read_offset() - before < options_.follow.turn_bytes)
        followed.next_poll += followed.pause;
      break;
    case FollowedFile::State::kAtEnd:
      followed.pause =
          std::clamp(followed.pause + followed.pause / 2, options_.busy_pause, options_.idle_pause);
      // On a grid, so that many idle files wake the thread together.
      followed.next_poll = now + followed.pause;
      followed.next_poll -= followed.next_poll.time_since_epoch() % options_.busy_pause;
      break;
    case FollowedFile::State::kFinished:
      break;
    case FollowedFile::State::kTruncated: {
      Seal();  // what was read of the life that ended
      const Result<void> restarted = files_.Restart(followed);
      followed.next_poll = now;
      dirty_ = true;
      if (!restarted) return false;
      break;
    }
  }
  return true;
}

uint64_t LogReader::pending_bytes() {
  uint64_t sum = 0;
  for (const FileSet::Followed& each : files_.followed()) sum += each.file->pending_bytes();
  return sum;
}

void LogReader::Seal() {
  pending_since_.reset();
  pgvigil::v1::Batch batch;
  std::vector<FilePosition> positions;
  uint64_t records = 0;
  bool must_save = false;
  for (FileSet::Followed& each : files_.followed()) {
    pgvigil::v1::LogChunk chunk;
    FilePosition position;
    if (!each.file->TakeChunk(chunk, position)) continue;
    must_save = must_save || each.file->needs_checkpoint();
    const auto source = sources_.find(each.source);
    if (source != sources_.end() && source->second.instance) {
      *chunk.mutable_instance() = *source->second.instance;
    }
    records += static_cast<uint64_t>(chunk.records_size());
    *batch.add_logs() = std::move(chunk);
    positions.push_back(std::move(position));
  }
  if (positions.empty()) return;
  if (must_save) SaveCheckpoint();
  batch.set_agent_id(options_.agent_id);
  batch.set_incarnation(incarnation_);
  batch.set_stream(pgvigil::v1::STREAM_LOGS);
  batch.set_sequence(queue_->next_sequence());
  batch.set_created_unix_nano(static_cast<uint64_t>(shared::ToUnixNanos(clock_.Now())));
  *batch.mutable_resource() = options_.resource;
  std::string body;
  compressor_.Append(batch.SerializeAsString(), body);
  queue_->Push(std::move(body), std::move(positions), records);
}

void LogReader::SaveCheckpoint() {
  last_save_ = clock_.Monotonic();
  CheckpointState state = files_.State();
  state.last_incarnation = incarnation_;
  if (const Result<void> saved = checkpoint_.Save(state); !saved) {
    if (save_errors_.Allow()) {
      shared::log::Error("logs: {}; positions are not durable", saved.error().message);
    }
    return;
  }
  dirty_ = false;
  for (FileSet::Followed& each : files_.followed()) each.file->CheckpointSaved();
}

shared::MonotonicTime LogReader::NextDue(shared::MonotonicTime now) {
  shared::MonotonicTime due = now + options_.rescan;
  if (last_scan_) {
    due = std::min(due, *last_scan_ + (changed_ ? options_.rescan_gap : options_.rescan));
  }
  if (pending_since_) due = std::min(due, *pending_since_ + options_.linger);
  if (dirty_ && last_save_) due = std::min(due, *last_save_ + options_.checkpoint);
  if (!queue_->HasRoom()) return due;  // woken by the acknowledgement
  for (const FileSet::Followed& each : files_.followed()) {
    if (!each.file->finished()) due = std::min(due, each.next_poll);
  }
  return due;
}

}  // namespace agent::logs
