#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace agent::postgres::statements {

// A statement without its literals: what may leave the host.
struct RedactedSql {
  std::string text;
  size_t nesting = 0;  // deepest level of parentheses and brackets
};

// Rewrites one SQL statement (or several) so that no literal is left, by lexical rules alone
// (PostgreSQL manual, "Lexical Structure"); it needs no grammar, so it also serves statements that
// are cut off, wrong, or of a newer server:
//
//   SELECT * FROM t  -- mine                      SELECT * FROM t WHERE a = $1 AND b > $2
//   WHERE a = 'x''y' AND b > 1e3            ->
//   ALTER ROLE joe PASSWORD 'secret';       ->    ALTER ROLE joe PASSWORD $1
//   SELECT $1, 5                            ->    SELECT $1, $2
//
// - Strings ('…', E'…', B'…', X'…', N'…', U&'…', $tag$…$tag$) and numbers become $n, numbered after
//   the parameters that the text has already.
// - Numbers stay where the grammar takes only the size of a type: varchar(10), numeric(12, 2),
//   timestamp(3).
// - Comments go: applications put values into them. White space becomes one space, none at the
// ends; the
//   last semicolons go.
// - Identifiers stay, quoted ones with their quotes.
// - An unfinished string or comment reaches to the end of the text.
// - In a plain string, \' ends the string or not, depending on standard_conforming_strings. What
//   follows could be code or literal, so the whole rest becomes one $n.
// - Invalid UTF-8 and NUL become U+FFFD.
//
// Pure, linear in time, without recursion; the result is at most three times the input (and
// U+FFFD).
RedactedSql RedactSql(std::string_view sql);

}  // namespace agent::postgres::statements
