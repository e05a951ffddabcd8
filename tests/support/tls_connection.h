#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace tests {

struct TlsClientOptions {
  std::string ca_pem{};    // the authority that is trusted; "": whoever answers
  std::string cert_pem{};  // client certificate and key; "": none is shown
  std::string key_pem{};
  int max_version = 0;  // 0x0302 is TLS 1.1, with everything that OpenSSL can do for it; 0: any
};

// A TLS connection to 127.0.0.1 that sends and receives exact bytes: raw_connection.h's twin.
class TlsConnection {
 public:
  explicit TlsConnection(uint16_t port, const TlsClientOptions& options = {});
  ~TlsConnection();
  TlsConnection(const TlsConnection&) = delete;
  TlsConnection& operator=(const TlsConnection&) = delete;

  // Whether hands were shaken. With TLS 1.3 the server may still refuse the client's certificate:
  // then the first Receive fails.
  [[nodiscard]] bool ok() const;
  // Why the last thing failed, in OpenSSL's words: "tlsv1 alert protocol version".
  [[nodiscard]] const std::string& error() const;
  [[nodiscard]] std::string protocol() const;              // "TLSv1.3"
  [[nodiscard]] std::string application_protocol() const;  // of ALPN, offered h2 and http/1.1

  bool Send(std::string_view bytes);
  // One response with a Content-Length, header and body; what came, if that is less.
  std::string ReceiveResponse();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tests
