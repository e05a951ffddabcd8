#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/logs/postgres_time.h"

namespace agent::logs {

// What a log_line_prefix says of a line; a view is empty when the prefix does not have it, when the
// server wrote nothing, or wrote "[unknown]". Views into the line.
struct PrefixFields {
  std::optional<int64_t> time_unix_nano;  // %m %t %n
  std::string_view pid;                   // %p
  std::string_view leader_pid;            // %P
  std::string_view user;                  // %u
  std::string_view database;              // %d
  std::string_view application_name;      // %a
  std::string_view client_host;           // %h, %r
  std::string_view client_port;           // %r
  std::string_view backend_type;          // %b
  std::string_view sqlstate;              // %e
  std::string_view session_id;            // %c
  std::string_view line_num;              // %l
  std::string_view session_start;         // %s
  std::string_view vxid;                  // %v
  std::string_view txid;                  // %x
  std::string_view command_tag;           // %i
  std::string_view query_id;              // %Q
  std::string_view word;                  // "LOG", "ERROR", "DETAIL": what stands before ":  "
  std::string_view message;               // what stands behind it
};

// A log_line_prefix (PostgreSQL manual 20.8.3), compiled once and matched by hand. Escapes: %a %u
// %d %r %h %L %b %p %P %t %m %n %i %e %c %l %s %v %x %q %Q %%, with padding ("%-10u", "%10d");
// others print nothing, as in the server. `%q` makes the rest optional.
//
// A field of free text (%a, %u, %d, %h, %r, %b, %i) ends where the literal behind it begins; when
// that leads nowhere, for an application may be named "a@b LOG: ", at the literal's next
// occurrence. Of two such fields without a literal between them the first stays empty.
//
// A line matches when all of the prefix does and "SEVERITY:  " follows, with a word of the server
// in English, or, when the prefix has a time, any word in capitals: the server translates them.
class LinePrefix {
 public:
  static LinePrefix Compile(std::string_view log_line_prefix);

  // False: this line does not begin so; `out` is then of no use. Bounded work on any line.
  bool Match(std::string_view line, PostgresTime& time, PrefixFields& out) const;

 private:
  enum class Kind : uint8_t {
    kLiteral,
    kFree,
    kClient,
    kDigits,
    kSqlstate,
    kSessionId,
    kVxid,
    kLocalSeconds,
    kLocalMillis,
    kUnixTime,
    kSessionStart,
    kSessionOnly
  };
  struct Item {
    Kind kind;
    char escape = 0;
    int width = 0;  // negative: padded on the right
    std::string literal;
  };
  struct Attempt {
    PostgresTime& time;
    PrefixFields& out;
    int steps;
  };

  bool MatchFrom(size_t index, std::string_view text, Attempt& attempt) const;
  bool MatchFree(size_t index, std::string_view text, Attempt& attempt) const;
  bool MatchFixed(const Item& item, std::string_view& text, Attempt& attempt) const;
  bool MatchSeverity(std::string_view text, Attempt& attempt) const;
  static std::string_view PrefixFields::*FieldOf(char escape);

  std::vector<Item> items_;
  bool has_time_ = false;
};

// Whether `word` is one that PostgreSQL puts in front of a part of a message: DETAIL, HINT, QUERY,
// CONTEXT, STATEMENT, LOCATION, BACKTRACE.
bool IsMessagePart(std::string_view word);

}  // namespace agent::logs
