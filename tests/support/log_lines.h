#pragma once

#include <cstdint>
#include <deque>
#include <random>
#include <string>

#include "pgvigil/v1/logs.pb.h"

namespace tests {

// Endless logs that look like a busy server's, the same for the same seed: records as the agent
// makes them, with the lengths that their lines have in the file.
//
// PostgreSQL's (stderr, log_line_prefix '%m [%p] %q[%l-1] user=%u,db=%d,app=%a,client=%h '):
// connections, durations with normalised statements, locks, temporary files, checkpoints,
// autovacuum, errors. Syslog's: an application with request ids, sshd, cron, systemd, kernel,
// postfix. Every line of an application and every error names something that no other line has.
class LogLines {
 public:
  enum class Source { kPostgres, kSyslog };

  // Lines begin at `start_nanos` and follow each other by `step_nanos` on average.
  LogLines(Source source, uint64_t seed, int64_t start_nanos, int64_t step_nanos);

  // Sets all of `record`; offsets go on from the last.
  void Next(pgvigil::v1::LogRecord& record);
  [[nodiscard]] uint64_t offset() const { return offset_; }

 private:
  struct Session {
    uint32_t pid = 0;
    std::string user, database, application, client;
    uint64_t line_num = 0;
  };

  uint64_t Below(uint64_t bound) { return random_() % bound; }
  std::string Hex(int digits);
  template <size_t n>
  const char* One(const char* const (&of)[n]) {
    return of[Below(n)];
  }
  void Begin(Session& session);
  void NextPostgres(pgvigil::v1::LogRecord& record);
  void NextSyslog(pgvigil::v1::LogRecord& record);
  std::string PostgresBody(pgvigil::v1::LogRecord& record, const Session& session);
  std::string BackgroundBody();
  std::string SyslogBody(pgvigil::v1::LogRecord& record);

  const Source source_;
  std::mt19937_64 random_;
  int64_t time_;
  const int64_t step_;
  int64_t observed_ = 0;
  uint64_t offset_ = 0;
  std::deque<Session> sessions_;
};

}  // namespace tests
