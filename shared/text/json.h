#pragma once

#include <string>
#include <string_view>

namespace shared::text {

// Appends a JSON string with its quotes. Invalid UTF-8 becomes U+FFFD, control characters are
// escaped: any bytes give valid JSON.
void AppendJsonString(std::string_view text, std::string& out);
// Appends a JSON number: the shortest that reads back as the same double. NaN and infinities, which
// JSON has not, become the strings "NaN", "+Inf", "-Inf", as in Prometheus' API.
void AppendJsonNumber(double value, std::string& out);

}  // namespace shared::text
