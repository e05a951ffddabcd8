#include "shared/http/redact_url.h"

#include <algorithm>

namespace shared::http {

std::string RedactUrl(std::string_view url) {
  // "://" inside a query is no scheme's.
  const size_t colon = url.find_first_of(":/?#@");
  const bool has_scheme = colon != std::string_view::npos && url.substr(colon, 3) == "://";
  const size_t authority = has_scheme ? colon + 3 : 0;
  const size_t authority_end = std::min(url.find_first_of("/?#", authority), url.size());
  // The last '@': a password may hold one.
  const size_t at = url.substr(0, authority_end).rfind('@');
  const size_t host = at == std::string_view::npos || at < authority ? authority : at + 1;
  const size_t path_end = std::min(url.find_first_of("?#", authority_end), url.size());
  std::string out(url.substr(0, authority));
  out += url.substr(host, path_end - host);
  if (path_end < url.size() && url[path_end] == '?') out += "?***";
  return out;
}

}  // namespace shared::http
