#pragma once

#include <string>
#include <string_view>

#include "pgvigil/v1/logs.pb.h"

namespace agent::logs {

// Keeps the promise that no SQL literal leaves the host: rewrites the texts of PostgreSQL log
// records.
//
//   body       duration: 4.6 ms  statement: select 'x'      duration: 4.6 ms  statement: select $1
//   body       invalid input syntax for type integer: "x"   … for type integer: "***"
//   body       relation "orders" does not exist             unchanged: a name, not a value
//   detail     Key (a)=(1) already exists.                  Key (a)=(***) already exists.
//   detail     Failing row contains (1, x).                 Failing row contains (***).
//   detail     parameters: $1 = 'x'                         parameters: ***
//   context    COPY t, line 1, column a: "x"                COPY t, line 1, column a: "***"
//   context    SQL statement "select 'x'"                   SQL statement "select $1"
//   statement  select * from t where a = 'x'                select * from t where a = $1
//
// SQL is rewritten by RedactSql (agent/postgres/statements/sql_tokenizer.h). Elsewhere a quoted
// string stays only behind a noun that says that it is a name (`relation "…"`, `user "…"`); any
// other is masked up to the last quote of the text, for the server does not escape quotes inside.
// The shapes stand in redact.cc. A record without severity, or a piece that lost its record, is
// treated as SQL and as message: numbers and strings go.
//
// What is not recognised: a value that an application puts unquoted into its own RAISE message, and
// messages in another language are masked by the quotes alone. Constant after construction,
// thread-safe.
class Redactor {
 public:
  explicit Redactor(bool allow_literals) : allow_literals_(allow_literals) {}

  // body, detail, hint, context, statement.
  void RedactPostgres(pgvigil::v1::LogRecord& record) const;
  // The body of a syslog line: treated as PostgreSQL's when it says that it is from "postgres".
  void RedactSyslog(pgvigil::v1::LogRecord& record) const;
  // One SQL text.
  [[nodiscard]] std::string Statement(std::string_view sql) const;

 private:
  const bool allow_literals_;
};

// The parts, for tests and for who has no record. Pure; redact whatever the policy.
std::string RedactBody(std::string_view body);
std::string RedactDetail(std::string_view detail);
std::string RedactContext(std::string_view context);
std::string MaskQuoted(std::string_view text);

}  // namespace agent::logs
