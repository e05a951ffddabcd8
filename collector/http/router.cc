#include "collector/http/router.h"

#include <optional>
#include <utility>

#include "collector/http/target.h"
#include "shared/base/check.h"

namespace collector::http {
namespace {

using Parameters = std::map<std::string, std::string, std::less<>>;

std::optional<Parameters> MatchParts(const std::vector<std::string>& pattern,
                                     const std::vector<std::string>& parts) {
  if (pattern.size() != parts.size()) return std::nullopt;
  Parameters parameters;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i].starts_with('{')) {
      parameters[pattern[i].substr(1, pattern[i].size() - 2)] = parts[i];
    } else if (pattern[i] != parts[i]) {
      return std::nullopt;
    }
  }
  return parameters;
}

}  // namespace

void Router::Add(std::string_view method, std::string_view pattern,
                 std::optional<access::Scope> scope, Handler handler) {
  shared::Result<Target> target = ParseTarget(pattern);
  CHECK(target.has_value());
  routes_.push_back(Route{std::string(method), std::string(pattern), std::move(target->parts),
                          scope, std::move(handler)});
}

Router::Match Router::Find(std::string_view method, const std::vector<std::string>& parts) const {
  if (method == "HEAD") method = "GET";
  Match match;
  for (const Route& route : routes_) {
    std::optional<Parameters> parameters = MatchParts(route.parts, parts);
    if (!parameters) continue;
    if (route.method == method) {
      match.handler = &route.handler;
      match.scope = route.scope;
      match.path_parameters = std::move(*parameters);
      match.pattern = route.pattern;
      return match;
    }
    if (!match.allow.empty()) match.allow += ", ";
    match.allow += route.method;
  }
  return match;
}

}  // namespace collector::http
