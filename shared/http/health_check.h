#pragma once

#include <cstdint>
#include <string>

#include "shared/http/client.h"

namespace shared::http {

// Where a program that listens there is asked from its own machine: "http://127.0.0.1:8480" for
// 0.0.0.0, "http://[::1]:8480" for "::"; "https://…" if it speaks TLS.
std::string LocalUrl(const std::string& address, uint16_t port, bool tls = false);

// What `healthcheck` of both programs does: asks `url` (/readyz of a running one) and prints the
// answer, or why there is none. Returns the exit status: kExitOk for 200, else kExitUnavailable.
// Waits for five seconds at most.
int RunHealthCheck(const std::string& url, const TlsConfig& tls = {});

}  // namespace shared::http
