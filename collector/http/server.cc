#include "collector/http/server.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <thread>

#include "collector/http/admission.h"
#include "collector/http/router.h"
#include "collector/http/session.h"
#include "collector/http/tls_certificates.h"
#include "shared/base/clock.h"
#include "shared/concurrency/guarded.h"
#include "shared/concurrency/pulse.h"
#include "shared/concurrency/thread_name.h"
#include "shared/text/json.h"

namespace collector::http {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using shared::ErrorCode;
using shared::Fail;

constexpr std::chrono::minutes kLongestTurn{3};

template <typename Pairs>
const std::string* FindFirst(const Pairs& pairs, std::string_view name) {
  for (const auto& [key, value] : pairs) {
    if (key == name) return &value;
  }
  return nullptr;
}

ErrorCode CodeOf(const error_code& error) {
  if (error == boost::system::errc::permission_denied) return ErrorCode::kPermissionDenied;
  if (error == boost::system::errc::address_in_use) return ErrorCode::kUnavailable;
  return ErrorCode::kInvalidInput;
}

std::string LoopbackOf(const std::string& address) {
  return address.find(':') == std::string::npos ? "127.0.0.1" : "::1";
}

}  // namespace

const std::string* Request::QueryParameter(std::string_view name) const {
  return FindFirst(query, name);
}

const std::string* Request::Header(std::string_view name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? nullptr : &found->second;
}

Response ErrorResponse(int status, std::string_view code, std::string_view message,
                       int retry_after_seconds) {
  Response response;
  response.status = status;
  response.body = R"({"error":{"code":)";
  shared::text::AppendJsonString(code, response.body);
  response.body += R"(,"message":)";
  shared::text::AppendJsonString(message, response.body);
  response.body += "}}\n";
  if (retry_after_seconds >= 0) {
    response.headers.emplace_back("Retry-After", std::to_string(retry_after_seconds));
  }
  return response;
}

struct Server::Impl {
  explicit Impl(ServerConfig server_config)
      : config(std::move(server_config)),
        admission(config.limits),
        acceptor(asio::make_strand(context)) {}

  shared::Result<void> Listen(const std::string& address, uint16_t on_port);
  void Accept();
  void OnConnection(asio::ip::tcp::socket socket);
  void CheckCertificates();
  template <typename Function>
  void ForEachSession(Function function);

  const ServerConfig config;
  Router router;
  Admission admission;
  asio::io_context context;
  // On a strand: Stop() closes it while a connection may just be coming in on another thread.
  asio::ip::tcp::acceptor acceptor;
  uint16_t port = 0;  // where it listens; constant once Start() is back
  std::atomic<bool> stopping{false};
  // Every session that may be alive, to tell them to finish; dead ones are swept as it grows.
  shared::Guarded<std::vector<std::weak_ptr<Session>>> sessions;
  // TLS: one thread shakes hands, so that a crowd that connects leaves the others a core.
  std::unique_ptr<TlsCertificates> certificates;  // null: no TLS
  asio::io_context tls_context;
  asio::steady_timer certificates_timer{tls_context};
  shared::log::RateLimit handshake_log;
  shared::Pulse pulse{"http", kLongestTurn};
  shared::Pulse tls_pulse{"tls", kLongestTurn};
  std::vector<std::jthread> threads;
};

// Opens the acceptor; it is closed again after an error.
shared::Result<void> Server::Impl::Listen(const std::string& address, uint16_t on_port) {
  const std::string where = fmt::format("{}:{}", address, on_port);
  error_code error;
  const auto parsed = asio::ip::make_address(address, error);
  if (error) {
    return Fail(ErrorCode::kInvalidInput, "listen on {}: not an IP address", where);
  }
  const asio::ip::tcp::endpoint endpoint(parsed, on_port);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (!error) return {};
  error_code ignored;
  acceptor.close(ignored);
  return Fail(CodeOf(error), "listen on {}: {}", where, error.message());
}

void Server::Impl::Accept() {
  acceptor.async_accept(asio::make_strand(context),
                        [this](error_code error, asio::ip::tcp::socket socket) {
                          if (stopping) return;
                          if (error == asio::error::operation_aborted) return Accept();  // Widen
                          if (!error) OnConnection(std::move(socket));
                          if (error && error != boost::system::errc::connection_aborted) {
                            // Out of descriptors: wait a little instead of spinning.
                            admission.CountRefused("accept_failed");
                            auto pause = std::make_shared<asio::steady_timer>(
                                acceptor.get_executor(), std::chrono::milliseconds(100));
                            pause->async_wait([this, pause](error_code) {
                              if (!stopping) Accept();
                            });
                            return;
                          }
                          Accept();
                        });
}

void Server::Impl::OnConnection(asio::ip::tcp::socket socket) {
  error_code error;
  const asio::ip::tcp::endpoint peer = socket.remote_endpoint(error);
  if (error) return;
  const std::string address = peer.address().to_string();
  if (admission.Connect(address) != nullptr) return;  // closes the socket
  socket.set_option(asio::ip::tcp::no_delay(true), error);
  auto session = std::make_shared<Session>(
      std::move(socket), address, fmt::format("{}:{}", address, peer.port()),
      SessionContext{config, router, admission, certificates.get(), tls_context.get_executor(),
                     handshake_log});
  sessions.With([&](auto& all) {
    if (all.size() >= 64 && all.size() > 2 * admission.Statistics().connections_open) {
      std::erase_if(all, [](const auto& weak) { return weak.expired(); });
    }
    all.push_back(session);
  });
  session->Start();
  if (stopping) session->Finish();  // Stop() may have told all before this one was among them
}

void Server::Impl::CheckCertificates() {
  certificates->CheckFiles(shared::SystemClock().Now());
  certificates_timer.expires_after(config.tls.check_interval);
  certificates_timer.async_wait([this](error_code error) {
    if (!error && !stopping) CheckCertificates();
  });
}

template <typename Function>
void Server::Impl::ForEachSession(Function function) {
  for (const std::weak_ptr<Session>& weak : sessions.Copy()) {
    if (const std::shared_ptr<Session> session = weak.lock()) function(*session);
  }
}

Server::Server(ServerConfig config) : impl_(std::make_unique<Impl>(std::move(config))) {}

Server::~Server() {
  Stop(std::chrono::milliseconds(0));
}

void Server::Route(std::string_view method, std::string_view pattern, access::Scope scope,
                   Handler handler) {
  impl_->router.Add(method, pattern, scope, std::move(handler));
}

void Server::OpenRoute(std::string_view method, std::string_view pattern, Handler handler) {
  impl_->router.Add(method, pattern, std::nullopt, std::move(handler));
}

shared::Result<void> Server::Start() {
  const ServerConfig& config = impl_->config;
  // Also when it shall begin on loopback, so that an address that cannot be had is told now.
  RETURN_IF_ERROR(impl_->Listen(config.address, config.port));
  error_code error;
  impl_->port = impl_->acceptor.local_endpoint(error).port();
  if (config.loopback_first) {
    impl_->acceptor.close(error);
    RETURN_IF_ERROR(impl_->Listen(LoopbackOf(config.address), impl_->port));
  }
  if (config.tls.enabled()) {
    ASSIGN_OR_RETURN(impl_->certificates, TlsCertificates::Load(config.tls));
  }
  impl_->Accept();
  for (int i = 0; i < impl_->config.threads; ++i) {
    impl_->threads.emplace_back([this] {
      shared::SetThreadName("http");
      // While a handshake runs on its own thread, nothing else may be left to wait for here.
      const auto work = asio::make_work_guard(impl_->context);
      impl_->context.run();
    });
  }
  if (impl_->certificates == nullptr) return {};
  asio::post(impl_->tls_context, [this] { impl_->CheckCertificates(); });
  impl_->threads.emplace_back([this] {
    shared::SetThreadName("tls");
    const auto work = asio::make_work_guard(impl_->tls_context);
    impl_->tls_context.run();
  });
  return {};
}

void Server::Widen(std::function<void(shared::Result<void>)> done) {
  asio::post(impl_->acceptor.get_executor(), [this, done = std::move(done)] {
    if (impl_->stopping) return;
    error_code ignored;
    impl_->acceptor.close(ignored);  // Accept's handler comes after this, and accepts again
    shared::Result<void> wide = impl_->Listen(impl_->config.address, impl_->port);
    if (!wide) {
      if (auto narrow = impl_->Listen(LoopbackOf(impl_->config.address), impl_->port); !narrow) {
        wide.error().message += "; " + narrow.error().message;
      }
    }
    done(std::move(wide));
  });
}

uint16_t Server::port() const {
  return impl_->port;
}

ServerStatistics Server::Statistics() const {
  ServerStatistics statistics = impl_->admission.Statistics();
  if (impl_->certificates != nullptr) statistics.tls = impl_->certificates->Status();
  return statistics;
}

shared::Result<void> Server::ReloadTls() {
  if (impl_->certificates == nullptr) return {};
  return impl_->certificates->Reload(shared::SystemClock().Now());
}

shared::Result<void> Server::CheckAlive() {
  asio::post(impl_->context, [this] { impl_->pulse.Beat(); });
  const auto now = std::chrono::steady_clock::now();
  if (impl_->certificates != nullptr) {
    asio::post(impl_->tls_context, [this] { impl_->tls_pulse.Beat(); });
    RETURN_IF_ERROR(impl_->tls_pulse.Check(now));
  }
  return impl_->pulse.Check(now);
}

void Server::Stop(std::chrono::milliseconds deadline) {
  if (impl_->stopping.exchange(true)) return;
  asio::post(impl_->acceptor.get_executor(), [this] {
    error_code ignored;
    impl_->acceptor.close(ignored);
  });
  impl_->ForEachSession([](Session& session) { session.Finish(); });
  const auto until = std::chrono::steady_clock::now() + deadline;
  while (Statistics().connections_open > 0 && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  impl_->ForEachSession([](Session& session) { session.Abort(); });
  impl_->context.stop();
  impl_->tls_context.stop();
  impl_->threads.clear();
  // Nothing runs any more: what was posted above may not have been done. Whoever still waits to be
  // accepted shall know.
  error_code ignored;
  impl_->acceptor.close(ignored);
}

}  // namespace collector::http
