#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "collector/api/telemetry_reader.h"

// Which blocks a search for text can leave unread. Pure.
//
// A message that contains "lock on relation 16384 of" has the words "on", "relation" and "16384":
// they are bounded on both sides within the needle. "lock" may be the end of "deadlock", "of" the
// beginning of "offset". A word of a message is a constant of its template, or it is in its
// segment's bloom filter; so a segment without the word in either has no match. Words at the
// needle's ends say only that a word of the message has them as a part.
namespace collector::storage {

struct LogNeedle {
  std::string text;
  bool whole = false;  // LogQuery::word: bounded at its ends, too
};
std::vector<LogNeedle> NeedlesOf(const api::LogQuery& query);

[[nodiscard]] bool HasNeedle(std::string_view body, const LogNeedle& needle);

// Words of four bytes and more that every message with the needle has, each once, the longest (at
// most four) first.
std::vector<std::string> WholeWords(const LogNeedle& needle);

// The longest run of word bytes, which some word of a message with the needle has as a part; "":
// the needle has none.
std::string_view LongestPart(const LogNeedle& needle);

}  // namespace collector::storage
