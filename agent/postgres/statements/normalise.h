#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace agent::postgres::statements {

// A statement as it may leave the host, and a number for its shape.
struct NormalisedStatement {
  std::string text;  // RedactSql's: no literals, no comments, clean UTF-8
  uint64_t fingerprint = 0;
  bool parsed = false;  // the fingerprint is the grammar's; false: XXH3-64 of `text`
};

// Texts beyond these never reach the parser, whose memory and recursion grow with them.
inline constexpr size_t kParsedBytes = 16 * 1024;
inline constexpr size_t kParsedNesting = 200;

// Normalises one statement, from pg_stat_statements, a log line or pg_stat_activity: all use this,
// so that the same statement gets the same text and fingerprint wherever it was seen.
//
// The text is the work of RedactSql alone: what may leave the host is decided by lexical rules that
// hold for every input, not by how well a grammar of one major version understands it
// (pg_query_normalize leaves SET values, COPY file names, function bodies). libpg_query gives the
// fingerprint, which is the same for lists of different lengths and aliases, and stable over
// versions. It sees the redacted text only: its fingerprint of ALTER ROLE … PASSWORD 'x' depends on
// x, and a hash of a password is not to leave the host either.
//
// Any bytes are fine: NUL, invalid UTF-8, cut-off statements, megabytes. Thread-safe; each thread
// that calls it costs about 50 KiB for the parser's memory, the first one 2 MiB for its code.
NormalisedStatement Normalise(std::string_view sql);

}  // namespace agent::postgres::statements
