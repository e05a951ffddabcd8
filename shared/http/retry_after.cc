#include "shared/http/retry_after.h"

#include <curl/curl.h>

#include <algorithm>
#include <string>

#include "shared/text/cursor.h"

namespace shared::http {

std::chrono::seconds ParseRetryAfter(std::string_view value, WallTime now) {
  constexpr std::chrono::seconds kNone{-1};
  constexpr std::chrono::seconds kMost = std::chrono::hours(24);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
  if (value.empty()) return kNone;
  if (value.find_first_not_of("0123456789") == std::string_view::npos) {
    const auto seconds = text::ParseNumber<int64_t>(value);  // nullopt: more digits than fit
    return seconds ? std::min(std::chrono::seconds(*seconds), kMost) : kMost;
  }
  // Takes the three date forms that a recipient must; -1 for anything else.
  const time_t date = curl_getdate(std::string(value).c_str(), nullptr);
  if (date < 0) return kNone;
  const auto wait =
      std::chrono::seconds(date) - std::chrono::floor<std::chrono::seconds>(now.time_since_epoch());
  return std::clamp(wait, std::chrono::seconds::zero(), kMost);
}

}  // namespace shared::http
