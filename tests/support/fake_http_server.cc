#include "tests/support/fake_http_server.h"

// cpp-httplib throws nothing that leaves a handler, and is included nowhere else in the tests.
#include <httplib.h>

#include <thread>

#include "shared/base/check.h"
#include "shared/concurrency/guarded.h"

namespace tests {

struct FakeHttpServer::Impl {
  Handler handler;
  std::unique_ptr<httplib::Server> server;
  bool tls = false;
  int port = 0;
  shared::Guarded<std::vector<FakeRequest>> requests;
  std::thread thread;

  void Start();
  void Answer(const httplib::Request& request, httplib::Response& response);
};

void FakeHttpServer::Impl::Answer(const httplib::Request& request, httplib::Response& response) {
  FakeRequest seen;
  seen.method = request.method;
  seen.target = request.target;
  seen.body = request.body;
  seen.client_port = static_cast<uint16_t>(request.remote_port);
  for (const auto& [name, value] : request.headers) {
    std::string lower = name;
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    seen.headers[lower] = value;
  }
  requests.With([&](std::vector<FakeRequest>& all) { all.push_back(seen); });
  const FakeReply reply = handler(seen);
  response.status = reply.status;
  for (const auto& [name, value] : reply.headers) response.set_header(name, value);
  response.set_content(reply.body, reply.content_type);
}

void FakeHttpServer::Impl::Start() {
  CHECK(server->is_valid());  // false: the certificate or the key cannot be read
  const auto answer = [this](const httplib::Request& request, httplib::Response& response) {
    Answer(request, response);
  };
  server->Get(".*", answer);
  server->Post(".*", answer);
  server->Put(".*", answer);
  server->Delete(".*", answer);
  server->set_keep_alive_max_count(1000);
  port = server->bind_to_any_port("127.0.0.1");
  CHECK(port > 0);
  thread = std::thread([this] { server->listen_after_bind(); });
}

FakeHttpServer::FakeHttpServer(Handler handler) : impl_(std::make_unique<Impl>()) {
  impl_->handler = std::move(handler);
  impl_->server = std::make_unique<httplib::Server>();
  impl_->Start();
}

FakeHttpServer::FakeHttpServer(Handler handler, const Tls& tls) : impl_(std::make_unique<Impl>()) {
  impl_->handler = std::move(handler);
  impl_->tls = true;
  const char* const client_ca = tls.client_ca_file.empty() ? nullptr : tls.client_ca_file.c_str();
  impl_->server =
      std::make_unique<httplib::SSLServer>(tls.cert_file.c_str(), tls.key_file.c_str(), client_ca);
  impl_->Start();
}

FakeHttpServer::~FakeHttpServer() {
  // stop() before the thread has come to listen would be lost.
  while (!impl_->server->is_running()) std::this_thread::yield();
  impl_->server->stop();
  impl_->thread.join();
}

uint16_t FakeHttpServer::port() const {
  return static_cast<uint16_t>(impl_->port);
}

std::string FakeHttpServer::Url(const std::string& target) const {
  const std::string host = impl_->tls ? "https://localhost:" : "http://127.0.0.1:";
  return host + std::to_string(impl_->port) + target;
}

std::vector<FakeRequest> FakeHttpServer::Requests() const {
  return impl_->requests.Copy();
}

}  // namespace tests
