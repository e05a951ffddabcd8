#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/pipeline/frame.h"
#include "shared/model/labels.h"

// What one round brought, and how it is shown.
namespace agent::once {

struct Sample {
  std::string name;  // "system.cpu.time"
  shared::model::Labels labels;
  double value = 0;
  std::string unit;  // UCUM: "s"
  friend bool operator==(const Sample&, const Sample&) = default;
};

struct StatementCount {
  std::string target;
  uint64_t entries = 0;
  uint64_t hidden = 0;  // of other roles, without pg_read_all_stats
  friend bool operator==(const StatementCount&, const StatementCount&) = default;
};

struct LogFile {
  std::string log;   // a target's name, or "syslog"
  std::string path;  // the file that is being written
  uint64_t size_bytes = 0;
  // Of these, what the collector does not have; nullopt: the agent has not begun to read it.
  std::optional<uint64_t> behind_bytes = std::nullopt;
  friend bool operator==(const LogFile&, const LogFile&) = default;
};

struct Report {
  std::vector<Sample> metrics;
  std::vector<StatementCount> statements;
  std::vector<LogFile> logs;
  std::vector<std::string> remarks;   // "host: …": part of a source is missing
  std::vector<std::string> failures;  // "postgres:main: …": all of it is
};

// Adds a round's samples in their order, each with the layout's common labels; no stale markers.
void AddRound(const pipeline::FrameBuilder::Round& round, Report& report);

// Pure. One line each:
//   system.cpu.time{cpu.mode="user"} 12.5 s
//   pg_stat_statements:main 318 entries
//   logs:main /var/log/postgresql/postgresql-15-main.log 20480 bytes, 512 behind
std::string RenderText(const Report& report);

// Pure. One line:
//   {"metrics":[{"name":"…","labels":{"cpu.mode":"user"},"value":12.5,"unit":"s"}],
//    "statements":[{"target":"main","entries":318,"hidden":0}],
//    "logs":[{"log":"main","path":"…","size_bytes":20480,"behind_bytes":512}]}  null: not begun
std::string RenderJson(const Report& report);

}  // namespace agent::once
