#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace collector::ingest::foreign {

// Where a text stops being JSON (RFC 8259), and what was expected there: "byte 17: expected ':'
// after a key". "": nothing is wrong but perhaps a string's UTF-8 or a number's size. For the
// message after the fast parser refused a text without saying where.
std::string FindJsonFault(std::string_view text, size_t max_depth);

}  // namespace collector::ingest::foreign
