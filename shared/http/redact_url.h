#pragma once

#include <string>
#include <string_view>

namespace shared::http {

// A URL as it may stand in a message: "https://user:secret@host/a?key=b#c" → "https://host/a?***".
// User information is left out, a query string is hidden (tokens travel there), a fragment is cut.
std::string RedactUrl(std::string_view url);

}  // namespace shared::http
