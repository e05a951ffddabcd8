#include "shared/http/redact_url.h"

#include <algorithm>

namespace shared::http {

std::string RedactUrl(std::string_view url) {
  const size_t scheme_end = url.find("://");
  const size_t authority = scheme_end == std::string_view::npos ? 0 : scheme_end + 3;
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
