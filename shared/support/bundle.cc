#include "shared/support/bundle.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "shared/base/file.h"

namespace shared::support {
namespace {

constexpr std::string_view kOurVariables[] = {"PGVIGIL_", "PG",          "LC_",      "LANG",
                                              "TZ",       "SSL_",        "OPENSSL_", "CREDENTIALS_",
                                              "NOTIFY_",  "INVOCATION_", "JOURNAL_", "KUBERNETES_"};

void PrintFile(const char* path) {
  const auto content = ReadFile(path);
  fmt::print("-- {}\n{}\n", path, content ? *content : content.error().message);
}

void PrintLimit(const char* name, int resource) {
  rlimit limit{};
  ::getrlimit(static_cast<__rlimit_resource>(resource), &limit);
  const auto text = [](rlim_t value) {
    return value == RLIM_INFINITY ? std::string("unlimited") : std::to_string(value);
  };
  fmt::print("limit of {}: {}, at most {}\n", name, text(limit.rlim_cur), text(limit.rlim_max));
}

std::vector<std::string> NamesOfVariables() {
  std::vector<std::string> out;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text(*variable);
    const std::string_view name = text.substr(0, text.find('='));
    const bool ours = std::any_of(std::begin(kOurVariables), std::end(kOurVariables),
                                  [&](std::string_view begin) { return name.starts_with(begin); });
    if (ours) out.emplace_back(name);
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

void PrintSection(std::string_view title) {
  fmt::print("\n== {}\n", title);
}

void PrintMachine() {
  PrintSection("machine");
  utsname kernel{};
  ::uname(&kernel);
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  fmt::print("kernel {} {} {}\n", kernel.sysname, kernel.release, kernel.machine);
  fmt::print("processors {}\n", ::sysconf(_SC_NPROCESSORS_ONLN));
  fmt::print("time {:%Y-%m-%dT%H:%M:%SZ}, here {:%Y-%m-%d %H:%M:%S %Z}\n", fmt::gmtime(now),
             fmt::localtime(now));
  PrintLimit("descriptors", RLIMIT_NOFILE);
  PrintLimit("threads", RLIMIT_NPROC);
  PrintLimit("memory", RLIMIT_AS);
  fmt::print("environment, names only: {}\n", fmt::join(NamesOfVariables(), " "));
  for (const char* const path : {"/etc/os-release", "/proc/meminfo", "/proc/loadavg"}) {
    PrintFile(path);
  }
}

void PrintPage(const std::string& url, const http::TlsConfig& tls, const Secret& key) {
  PrintSection(url);
  http::ClientConfig config;
  config.tls = tls;
  config.request_timeout = std::chrono::seconds(5);
  config.response_limit_bytes = size_t{16} << 20;
  auto client = http::Client::Create(config);
  if (!client) {
    fmt::print("{}\n", client.error().message);
    return;
  }
  http::Request request;
  request.url = url;
  request.bearer_token = key;
  const auto response = client->Send(std::move(request));
  if (!response) {
    fmt::print("{}\n", response.error().message);
    return;
  }
  fmt::print("status {}\n{}\n", response->status, response->body);
}

}  // namespace shared::support
