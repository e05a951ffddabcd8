#pragma once

#include <string>
#include <string_view>

namespace shared::text {

// Appends a label value of Prometheus' text format (exposition format 0.0.4), with its quotes:
// backslash, quote and line feed are escaped, invalid UTF-8 and NUL become U+FFFD.
void AppendLabelValue(std::string_view text, std::string& out);

}  // namespace shared::text
