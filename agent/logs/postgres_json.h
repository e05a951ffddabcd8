#pragma once

#include <memory>

#include "agent/logs/record_parser.h"
#include "agent/logs/redact.h"
#include "agent/logs/time_zone.h"

namespace agent::logs {

// PostgreSQL's jsonlog (15 and later; manual 20.8.5): one flat object a line, all of a message in
// it.
//   {"timestamp":"2026-11-21 09:53:53.296 CET","user":"postgres","dbname":"app","pid":10948,
//    "error_severity":"ERROR","state_code":"22012","message":"division by zero",…,"query_id":0}
// Every key of the manual's table goes into a field of LogRecord or an attribute
// postgresql.<key>; keys that a newer server adds are left out. Nested values are not looked into.
//
// A line longer than the limit was cut: its members up to the cut are kept, the last string as far
// as it reaches, `truncated` set. A line that is no object is an unparsed record.
class PostgresJsonParser final : public RecordParser {
 public:
  PostgresJsonParser(TimeZone zone, const Redactor& redactor);
  ~PostgresJsonParser() override;

  void Add(const Line& line, pgvigil::v1::LogChunk& out) override;

 private:
  struct Impl;  // simdjson stays in the .cc
  std::unique_ptr<Impl> impl_;
};

// Makes a cut-off flat object whole again: `{"a":1,"message":"abc de` gives `{"a":1,"message":"abc
// de"}`; a member without a value goes. Pure; what is no beginning of an object gives something
// that does not parse.
std::string CloseCutObject(std::string_view cut);

}  // namespace agent::logs
