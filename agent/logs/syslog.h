#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "agent/logs/record_parser.h"
#include "agent/logs/redact.h"
#include "agent/logs/time_zone.h"
#include "shared/base/clock.h"

namespace agent::logs {

// Lines of a file that a syslog daemon writes; each line is a record:
//   Nov 21 08:00:00 db1 sshd[812]: Accepted publickey     traditional (RFC 3164, 4.1), local time
//   2026-11-21T08:00:00.123456+01:00 db1 sshd[812]: …     rsyslog's default today
//   <86>1 2026-11-21T08:00:00Z db1 sshd 812 - - Accepted  RFC 5424; structured data becomes
//   attributes
// In front of any, "<PRI>" gives the severity; files usually have none, severity is then unknown
// (0).
//
// The traditional form has no year: it is the one that puts the line last before a day from now.
class SyslogParser final : public RecordParser {
 public:
  // All three must outlive the parser, but for `zone`.
  SyslogParser(TimeZone zone, const shared::Clock& clock, const Redactor& redactor);

  void Add(const Line& line, pgvigil::v1::LogChunk& out) override;

 private:
  bool Parse(std::string_view text, pgvigil::v1::LogRecord& record);
  bool ParseTraditionalTime(std::string_view& text, pgvigil::v1::LogRecord& record);
  static bool ParseIsoTime(std::string_view& text, pgvigil::v1::LogRecord& record);
  static bool ParseModern(std::string_view text, pgvigil::v1::LogRecord& record);

  const TimeZone zone_;
  const shared::Clock& clock_;
  const Redactor& redactor_;
};

}  // namespace agent::logs
