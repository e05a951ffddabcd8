#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collector/http/server.h"

namespace collector::http {

// Finds the handler of a method and path. Filled before the server starts, read-only afterwards.
class Router {
 public:
  // `pattern`: "/a/{name}/b"; each {name} takes exactly one path part. `scope`: what a key must be
  // for; nullopt: no key is needed.
  void Add(std::string_view method, std::string_view pattern, std::optional<access::Scope> scope,
           Handler handler);

  struct Match {
    const Handler* handler = nullptr;  // null: no such path, or not with this method
    std::optional<access::Scope> scope;
    std::map<std::string, std::string, std::less<>> path_parameters;
    std::string allow;    // methods of the path when only the method does not fit: "GET, POST"
    std::string pattern;  // of the route, for metrics
  };
  // HEAD finds GET's handler.
  [[nodiscard]] Match Find(std::string_view method, const std::vector<std::string>& parts) const;

 private:
  struct Route {
    std::string method;
    std::string pattern;
    std::vector<std::string> parts;
    std::optional<access::Scope> scope;
    Handler handler;
  };
  std::vector<Route> routes_;
};

}  // namespace collector::http
