#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "collector/access/caller.h"
#include "collector/access/scope.h"
#include "collector/http/tls_options.h"
#include "shared/base/result.h"

namespace collector::access {
class Gate;
}

// The collector's listener (Boost.Beast; its headers are included only in server.cc).
namespace collector::http {

struct Request {
  std::string method;  // "GET"
  std::string path;    // decoded once, without the query: "/api/pgvigil/v1/hosts"
  // Decoded, in order, names may repeat.
  std::vector<std::pair<std::string, std::string>> query;
  std::map<std::string, std::string, std::less<>> headers;  // names in lower case
  std::string body;
  std::string peer;       // "127.0.0.1:40312"
  access::Caller caller;  // whose data he may write and see
  // Of the client certificate, verified: "DNS:db1.example.net", "URI:spiffe://fleet/agent/db1".
  std::vector<std::string> client_names;
  // Path parts that the route's {name} took.
  std::map<std::string, std::string, std::less<>> path_parameters;

  // The first value of a query parameter or header; nullptr when absent.
  [[nodiscard]] const std::string* QueryParameter(std::string_view name) const;
  [[nodiscard]] const std::string* Header(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

// {"error":{"code":"<CodeName>","message":"…"}}; `retry_after` seconds when not negative.
Response ErrorResponse(int status, std::string_view code, std::string_view message,
                       int retry_after_seconds = -1);

// Answers one request, once, now or later and from any thread. Dropping it unanswered sends 500.
using Responder = std::function<void(Response)>;
// Runs on an HTTP thread: must not block. Takes over the request.
using Handler = std::function<void(Request, Responder)>;

struct Limits {
  size_t header_bytes = 16 << 10;
  size_t body_bytes = size_t{16} << 20;  // compressed, as it comes
  std::chrono::seconds header_timeout{10};
  std::chrono::seconds idle_timeout{60};
  std::chrono::seconds body_timeout{60};
  std::chrono::seconds response_timeout{60};  // until the handler answered
  size_t connections = 10'000;
  size_t connections_per_address = 256;
  // Bodies of requests under way, all together: above it, 503 + Retry-After before the body is
  // read.
  size_t bodies_in_flight_bytes = size_t{256} << 20;
};

struct ServerConfig {
  std::string address = "127.0.0.1";
  uint16_t port = 8480;  // 0: any; port() tells
  // Begin on loopback only, on the same port, until Widen.
  bool loopback_first = false;
  // Asked before a body is read; must outlive the server. Null: everybody may do everything, as the
  // default tenant.
  const access::Gate* gate = nullptr;
  int threads = 2;
  Limits limits;
  TlsOptions tls;
  // Sent with every response.
  std::vector<std::pair<std::string, std::string>> headers;
};

// Counters since start; refusals by reason ("header_too_large", "body_too_large", "timeout",
// "connection_limit", "address_limit", "overload", "malformed", …).
struct ServerStatistics {
  uint64_t connections_open = 0;
  uint64_t connections_total = 0;
  uint64_t requests_total = 0;
  std::map<std::string, uint64_t> refused;
  std::map<int, uint64_t> responses_by_status;
  // TLS only. Reasons: "timeout", "closed", "not_tls", "protocol_version", "no_shared_cipher",
  // "client_certificate_missing", "client_certificate_expired", "client_certificate_refused",
  // "peer_refused_certificate", "peer_alert", "malformed".
  std::map<std::string, uint64_t> handshake_failures;
  std::optional<TlsStatus> tls;
};

// Routes are added before Start. "/a/{name}" takes one path part. An unknown path is 404, a known
// path with another method 405 with Allow. HEAD is answered as GET without the body.
class Server {
 public:
  explicit Server(ServerConfig config);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // `scope`: what the caller's key must be for.
  void Route(std::string_view method, std::string_view pattern, access::Scope scope,
             Handler handler);
  // For everybody, without a key.
  void OpenRoute(std::string_view method, std::string_view pattern, Handler handler);
  // Binds, listens and starts the threads. kInvalidInput / kPermissionDenied / kUnavailable with
  // the address, or the file of a certificate, in the message.
  shared::Result<void> Start();
  // After Start with loopback_first: moves to the configured address; connections that are open
  // stay. `done` is called on a thread of the server; after an error it listens on loopback again.
  // Nothing happens when it has stopped.
  void Widen(std::function<void(shared::Result<void>)> done);
  [[nodiscard]] uint16_t port() const;
  [[nodiscard]] ServerStatistics Statistics() const;
  // Reads certificate, key and authorities again, for new connections; when they are wrong, the old
  // ones stay in use. They are also looked at every tls.check_interval.
  shared::Result<void> ReloadTls();
  // Whether the threads do what they are asked: asks them, and says whether they did so after an
  // earlier question. Ask regularly, after Start. kTimeout: "thread http has not turned for 84 s".
  [[nodiscard]] shared::Result<void> CheckAlive();
  // Stops accepting, lets requests under way end within `deadline`, closes the rest, joins.
  void Stop(std::chrono::milliseconds deadline);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace collector::http
