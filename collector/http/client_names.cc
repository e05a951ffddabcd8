#include "collector/http/client_names.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace collector::http {
namespace {

char Lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

// Goes back to the last '*' when the rest does not fit: no recursion, n × m steps at most.
bool Matches(std::string_view name, std::string_view pattern, bool fold_case) {
  size_t at = 0;
  size_t in = 0;
  size_t star = std::string_view::npos;
  size_t star_at = 0;
  const auto same = [&](char a, char b) { return fold_case ? Lower(a) == Lower(b) : a == b; };
  while (at < name.size()) {
    if (in < pattern.size() && pattern[in] == '*') {
      star = in++;
      star_at = at;
    } else if (in < pattern.size() && same(name[at], pattern[in])) {
      ++at;
      ++in;
    } else if (star != std::string_view::npos) {
      in = star + 1;
      at = ++star_at;
    } else {
      return false;
    }
  }
  while (in < pattern.size() && pattern[in] == '*') ++in;
  return in == pattern.size();
}

}  // namespace

bool AnyNameMatches(std::span<const std::string> names, std::span<const std::string> patterns) {
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
      return Matches(name, pattern, name.starts_with("DNS:"));
    });
  });
}

Handler OnlyForClients(std::vector<std::string> patterns, Handler handler) {
  if (patterns.empty()) return handler;
  return [patterns = std::move(patterns), handler = std::move(handler)](Request request,
                                                                        Responder respond) {
    if (AnyNameMatches(request.client_names, patterns)) {
      return handler(std::move(request), std::move(respond));
    }
    respond(ErrorResponse(403, "permission_denied",
                          request.client_names.empty()
                              ? std::string("a client certificate with a name is needed here")
                              : fmt::format("the client certificate's names may not do this: {}",
                                            fmt::join(request.client_names, ", "))));
  };
}

}  // namespace collector::http
