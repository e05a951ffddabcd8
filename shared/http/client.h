#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "shared/base/result.h"
#include "shared/base/secret.h"

// libcurl behind values. curl.h is included only in this folder.
namespace shared::http {

struct TlsConfig {
  std::string ca_file{};    // PEM, and only what it holds is trusted; "": the system's
  std::string cert_file{};  // client certificate and key for mTLS; "": none
  std::string key_file{};
  bool verify = true;  // peer and host name
  // The name alone: off only where ca_file holds the very certificate that is expected.
  bool verify_name = true;
};

struct ClientConfig {
  TlsConfig tls{};
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds request_timeout{60'000};
  size_t response_limit_bytes = 64 << 10;  // a longer reply is cut off and fails
  std::string proxy{};                     // "": none, and the environment's is ignored
  std::string user_agent = "pgvigil";
};

struct Request {
  std::string method = "GET";
  std::string url{};
  std::vector<std::pair<std::string, std::string>> headers{};
  Secret bearer_token{};  // "Authorization: Bearer …"; empty: none
  std::string body{};
};

struct Response {
  int status = 0;
  std::string content_type;
  std::string body;
  // Of a Retry-After header in seconds or as a date; negative: none.
  // At most a day (shared/http/retry_after.h).
  std::chrono::seconds retry_after{-1};
};

// Requests on one thread, several under way at once, over kept HTTP/1.1 connections. Never follows
// redirects, never undoes a compression, reads no netrc and no proxy variables.
//
// A Result fails with kUnavailable (DNS, connection, TLS, a broken reply), kTimeout,
// kResourceExhausted (a reply over the limit, or its headers over 32 KiB: the peer is not what we
// think), or kInvalidInput (the request itself: URL, method, header). The message names method and
// URL, without user information and query string:
//   POST https://collector:8443/v1/batches: connect: Connection refused
// Any HTTP status is a success here.
class Client {
 public:
  // Fails when a file of `tls` cannot be read: "open /etc/x.pem: No such file or directory".
  static Result<Client> Create(const ClientConfig& config);
  ~Client();  // requests under way end without their callback
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  // Starts a request; `done` is called from Poll on the same thread, also when the request cannot
  // even be started. It may start others.
  void Start(Request request, std::function<void(Result<Response>)> done);
  [[nodiscard]] size_t in_flight() const;
  // Runs transfers and callbacks until a request ended, Wake was called or `timeout` passed.
  void Poll(std::chrono::milliseconds timeout);
  // Makes a Poll under way return. From any thread.
  void Wake();
  // One request, waiting for its end.
  Result<Response> Send(Request request);

 private:
  struct Impl;
  explicit Client(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace shared::http
