#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tests {

struct FakeRequest {
  std::string method;
  std::string target;                          // path and query: "/v1/batches?x=1"
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  uint16_t client_port = 0;  // the same for two requests: they came over one connection
};

struct FakeReply {
  int status = 200;
  std::string body{};
  std::string content_type = "text/plain";
  std::map<std::string, std::string> headers{};
};

// A well-behaved HTTP/1.1 server on a free port of 127.0.0.1, on cpp-httplib. The handler runs on
// the server's threads, several at once; it may block, for then only its own request waits. For
// peers that misbehave see raw_server.h.
class FakeHttpServer {
 public:
  using Handler = std::function<FakeReply(const FakeRequest&)>;
  struct Tls {
    std::string cert_file;
    std::string key_file;
    std::string client_ca_file{};  // not "": clients must show a certificate of this CA
  };

  explicit FakeHttpServer(Handler handler);
  FakeHttpServer(Handler handler, const Tls& tls);
  ~FakeHttpServer();

  [[nodiscard]] uint16_t port() const;
  // "http://127.0.0.1:40123/v1/batches"; https (and localhost, as certificates say) with Tls.
  [[nodiscard]] std::string Url(const std::string& target) const;
  // All so far, in the order in which they were complete.
  [[nodiscard]] std::vector<FakeRequest> Requests() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tests
