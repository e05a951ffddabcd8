#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace agent::host {

// Whether `text` as a whole fits `pattern`, in which '*' stands for any bytes, also none and also
// '/', and everything else for itself: "/run/*" fits "/run/user/1000" but not "/run".
inline bool GlobMatches(std::string_view pattern, std::string_view text) {
  size_t p = 0;
  size_t t = 0;
  size_t star = std::string_view::npos;  // the last '*' seen, and where its text begins
  size_t star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_text = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;  // let the star take one byte more
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

inline bool AnyGlobMatches(const std::vector<std::string>& patterns, std::string_view text) {
  for (const std::string& pattern : patterns) {
    if (GlobMatches(pattern, text)) return true;
  }
  return false;
}

}  // namespace agent::host
