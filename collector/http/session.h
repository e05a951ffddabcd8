#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <memory>
#include <optional>
#include <string>

#include "collector/http/admission.h"
#include "collector/http/router.h"
#include "collector/http/server.h"
#include "collector/http/stream.h"
#include "collector/http/target.h"
#include "collector/http/tls_certificates.h"
#include "shared/log/log.h"

namespace collector::http {

// What every session of a server shares; outlives them all.
struct SessionContext {
  const ServerConfig& config;
  const Router& router;
  Admission& admission;
  // Both null without TLS; handshakes run on the executor.
  const TlsCertificates* certificates;
  boost::asio::any_io_executor handshakes;
  shared::log::RateLimit& handshake_log;
};

// One connection, from accept to close. Private to this folder: it is Beast's types all over. All
// members run on the stream's strand; a handler's answer is posted there from any thread.
//
// With TLS, a connection begins with the handshake (tls.handshake_timeout).
// The life of a request: wait for its first byte (idle_timeout), read the header (header_timeout),
// check it, find its route, ask the gate, read the body, taking room for it as it comes (at least
// 1 KiB/s after 10 s), hand it to its handler, wait for the answer (response_timeout), write it,
// and begin again.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(boost::asio::ip::tcp::socket socket, std::string address, std::string peer,
          const SessionContext& context);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void Start();
  // No further request; closes now when none is under way. From any thread.
  void Finish();
  // Closes at once. From any thread.
  void Abort();

 private:
  using Clock = std::chrono::steady_clock;

  void ShakeHands();
  void OnHandshake(const std::optional<HandshakeFailure>& failure);
  void WaitForRequest();
  void OnFirstByte(boost::system::error_code error, size_t bytes);
  void OnHeader(boost::system::error_code error);
  // Why nobody should have sent such a header; "" for an honest one.
  [[nodiscard]] std::string CheckHeader() const;
  bool Admit();
  void ReadBody();
  void OnBody(boost::system::error_code error);
  void Dispatch();
  void Answer(uint64_t request_number, Response response);
  // Answers without a handler, counts the reason and closes afterwards.
  void Refuse(int status, std::string_view code, std::string_view reason, std::string_view message,
              int retry_after_seconds = -1);
  void RefuseForOverload();
  void Write(Response response, bool keep_alive);
  void OnWritten(boost::system::error_code error, bool keep_alive);
  void ReleaseBody();
  void Close();

  Stream stream_;
  const std::string address_;
  const std::string peer_;
  const SessionContext context_;
  std::vector<std::string> client_names_;  // of the certificate, once hands are shaken
  boost::beast::flat_buffer buffer_;
  std::optional<boost::beast::http::request_parser<boost::beast::http::string_body>> parser_;
  std::optional<boost::beast::http::response<boost::beast::http::string_body>> response_;
  boost::asio::steady_timer response_timer_;
  Target target_;
  Router::Match match_;
  access::Caller caller_;
  std::optional<Response> refusal_;  // goes out when the small body is read
  Clock::time_point body_began_;
  size_t body_reserved_ = 0;
  size_t body_read_ = 0;
  uint64_t request_number_ = 0;  // tells a late answer from the one that is waited for
  bool answered_ = true;
  bool head_only_ = false;
  bool keep_alive_ = false;
  bool finishing_ = false;
};

}  // namespace collector::http
