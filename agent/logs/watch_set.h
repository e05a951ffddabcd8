#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/postgres/instance.h"
#include "pgvigil/v1/logs.pb.h"
#include "shared/base/result.h"

// Where log files are, and which of a directory's files belong to one log.
namespace agent::logs {

// One log: the files of a directory whose names have a certain shape. The newest is being written,
// the others are what rotation left.
struct LogLocation {
  std::string directory;
  pgvigil::v1::LogFormat format = pgvigil::v1::LOG_FORMAT_UNSPECIFIED;
  std::string current;      // path of the file being written; "": the newest of the directory
  std::string name_prefix;  // a name begins with it …
  std::string name_infix;   // … and has this, at its end or before a '.' or '-'; "": any
  friend bool operator==(const LogLocation&, const LogLocation&) = default;
};

// Whether `name` is a file of the log. Compressed files (.gz, .xz, .bz2, .zst, .lz4) never are, and
// neither is one format's file for another of PostgreSQL's.
bool BelongsTo(const LogLocation& location, std::string_view name);

struct FoundFile {
  std::string path;
  std::string name;
  uint64_t device = 0;
  uint64_t inode = 0;
  uint64_t size = 0;
  int64_t mtime_nanos = 0;
};

// The log's regular files by (mtime, name), oldest first. Errors as ErrnoError says.
shared::Result<std::vector<FoundFile>> ListFiles(const LogLocation& location);

// A log that was found, or why not and what helps.
struct LocateResult {
  std::optional<LogLocation> location;
  std::string problem;
  std::string remedy;
};

// The log of a PostgreSQL server, by its settings: `current_logfiles` in the data directory names
// the files being written ("jsonlog log/postgresql-2026-11-21_095359.json"); jsonlog is preferred
// to stderr. Where the agent's user may not read the data directory, log_directory is enough: the
// newest file of the right kind. Without a logging collector, the file that Debian's pg_ctlcluster
// redirects to
// (/var/log/postgresql/postgresql-15-main.log for /var/lib/postgresql/15/main; `debian_root` for
// tests).
LocateResult LocatePostgres(const postgres::LogSettings& settings,
                            std::string_view debian_root = "");

// The files of a syslog: "/var/log/syslog", and beside it "syslog.1", "syslog-20261121".
LocateResult LocateSyslog(const std::string& path);

// The value of one line of current_logfiles: `kind` is "jsonlog" or "stderr". Pure.
std::optional<std::string> CurrentLogFile(std::string_view current_logfiles, std::string_view kind);

}  // namespace agent::logs
