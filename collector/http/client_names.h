#pragma once

#include <span>
#include <string>
#include <vector>

#include "collector/http/server.h"

namespace collector::http {

// Whether one of `names` (Request::client_names) fits one of `patterns`, in which '*' is any text:
// "DNS:*.db.example.net", "URI:spiffe://fleet/agent/*". In DNS names the case of letters does not
// matter.
bool AnyNameMatches(std::span<const std::string> names, std::span<const std::string> patterns);

// Lets requests through to `handler` whose client certificate has a name that fits; others get 403
// with the names that they showed. Without patterns everybody is let through.
Handler OnlyForClients(std::vector<std::string> patterns, Handler handler);

}  // namespace collector::http
