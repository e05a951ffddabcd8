#include "shared/http/health_check.h"

#include <fmt/core.h>

#include <chrono>
#include <cstdio>
#include <utility>

#include "shared/base/exit_code.h"
#include "shared/http/client.h"

namespace shared::http {

std::string LocalUrl(const std::string& address, uint16_t port, bool tls) {
  std::string host = address;
  if (host == "0.0.0.0") host = "127.0.0.1";
  if (host == "::") host = "::1";
  if (host.find(':') != std::string::npos) host = fmt::format("[{}]", host);
  return fmt::format("{}://{}:{}", tls ? "https" : "http", host, port);
}

int RunHealthCheck(const std::string& url, const TlsConfig& tls) {
  ClientConfig config;
  config.tls = tls;
  config.request_timeout = std::chrono::seconds(5);
  auto client = Client::Create(config);
  if (!client) {
    fmt::print(stderr, "{}\n", client.error().message);
    return kExitSoftware;
  }
  Request request;
  request.url = url;
  const auto response = client->Send(std::move(request));
  if (!response) {
    fmt::print(stderr, "{}\n", response.error().message);
    return kExitUnavailable;
  }
  fmt::print("{}", response->body);
  return response->status == 200 ? kExitOk : kExitUnavailable;
}

}  // namespace shared::http
