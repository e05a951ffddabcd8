#include "agent/status/status_page.h"

#include <fmt/format.h>
#include <httplib.h>

#include <cerrno>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>

#include "agent/status/answer.h"
#include "shared/base/clock.h"
#include "shared/concurrency/thread_name.h"
#include "shared/config/url.h"

namespace agent::status {

using shared::Result;

namespace {

constexpr size_t kThreads = 2;
constexpr std::chrono::seconds kSilence{5};

bool HasBody(const httplib::Request& request) {
  return request.has_header("Transfer-Encoding") ||
         (request.has_header("Content-Length") &&
          request.get_header_value("Content-Length") != "0");
}

// The library's own options would set SO_REUSEPORT, with which another program of this user could
// take half of the requests.
void SetSocketOptions(socket_t socket) {
  const int on = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
}

}  // namespace

struct StatusPage::Impl {
  std::function<pgvigil::v1::AgentStatus()> status;
  shared::SystemClock clock;
  httplib::Server server;
  int port = 0;
  std::thread thread;

  void Configure();
  void Respond(const httplib::Request& request, httplib::Response& response) const;
};

void StatusPage::Impl::Configure() {
  server.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };  // the server owns it
  server.set_socket_options(SetSocketOptions);
  server.set_keep_alive_max_count(1);
  server.set_read_timeout(kSilence);
  server.set_write_timeout(kSilence);
  server.set_payload_max_length(0);
  // Before the library's routing: nothing reads a body or runs a regular expression on a path.
  server.set_pre_routing_handler(
      [this](const httplib::Request& request, httplib::Response& response) {
        Respond(request, response);
        return httplib::Server::HandlerResponse::Handled;
      });
}

void StatusPage::Impl::Respond(const httplib::Request& request, httplib::Response& response) const {
  Answer answer;
  if (request.method != "GET") {
    response.set_header("Allow", "GET");
    answer = {.status = 405, .body = "only GET\n"};
  } else if (HasBody(request)) {
    answer = {.status = 400, .body = "a request with a body\n"};
  } else {
    Result<ProcessUsage> usage = ReadProcessUsage();
    answer = AnswerTo(request.path,
                      {status(), usage ? std::optional(*usage) : std::nullopt, clock.Now()});
  }
  response.status = answer.status;
  response.set_header("X-Content-Type-Options", "nosniff");
  response.set_content(answer.body, answer.content_type);
}

StatusPage::StatusPage(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<StatusPage>> StatusPage::Start(
    const std::string& address, uint16_t port, std::function<pgvigil::v1::AgentStatus()> status) {
  const shared::config::ListenAddress listen{address, port};
  if (!shared::config::IsLoopback(listen)) {
    return shared::Fail(shared::ErrorCode::kInvalidInput,
                        "status page: {} is not a loopback address", address);
  }
  auto impl = std::make_unique<Impl>();
  impl->status = std::move(status);
  impl->Configure();
  errno = 0;
  if (port == 0) {
    impl->port = impl->server.bind_to_any_port(address);
  } else {
    impl->port = impl->server.bind_to_port(address, port) ? port : -1;
  }
  if (impl->port <= 0) {
    return shared::FailErrno(errno, fmt::format("status page: listen on {}",
                                                shared::config::FormatListenAddress(listen)));
  }
  std::unique_ptr<StatusPage> page(new StatusPage(std::move(impl)));
  page->impl_->thread = std::thread([self = page->impl_.get()] {
    shared::SetThreadName("status");
    self->server.listen_after_bind();
  });
  // stop() before the thread has come to listen would be lost.
  while (!page->impl_->server.is_running()) std::this_thread::yield();
  return page;
}

StatusPage::~StatusPage() {
  impl_->server.stop();
  impl_->thread.join();
}

uint16_t StatusPage::port() const {
  return static_cast<uint16_t>(impl_->port);
}

}  // namespace agent::status
