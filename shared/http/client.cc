#include "shared/http/client.h"

#include <fcntl.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <limits>

#include "shared/base/unique_fd.h"
#include "shared/http/transfer.h"

namespace shared::http {
namespace {

constexpr long kKeptConnections = 4;
constexpr size_t kKeptHandles = 4;

struct MultiDeleter {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};

Result<void> CheckReadable(const std::string& path) {
  if (path.empty()) return {};
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return FailErrno(errno, "open " + path);
  return {};
}

}  // namespace

struct Client::Impl {
  ClientConfig config;
  std::unique_ptr<CURLM, MultiDeleter> multi;
  std::vector<EasyPtr> idle;  // handles to use again
  std::vector<std::unique_ptr<Transfer>> running;
  std::vector<std::pair<std::unique_ptr<Transfer>, Error>> stillborn;  // for the next Poll
  std::atomic<bool> woken = false;

  ~Impl() {
    for (const auto& transfer : running) curl_multi_remove_handle(multi.get(), transfer->easy());
  }
  EasyPtr TakeHandle();
  std::unique_ptr<Transfer> TakeRunning(CURL* easy);
  // Calls back for what has ended; how many.
  size_t Deliver();
};

EasyPtr Client::Impl::TakeHandle() {
  if (idle.empty()) return EasyPtr(curl_easy_init());
  EasyPtr easy = std::move(idle.back());
  idle.pop_back();
  return easy;
}

std::unique_ptr<Transfer> Client::Impl::TakeRunning(CURL* easy) {
  const auto found = std::find_if(running.begin(), running.end(),
                                  [&](const auto& transfer) { return transfer->easy() == easy; });
  std::unique_ptr<Transfer> transfer = std::move(*found);
  *found = std::move(running.back());
  running.pop_back();
  return transfer;
}

size_t Client::Impl::Deliver() {
  // Taken off first: a callback may start the next request.
  std::vector<std::pair<std::unique_ptr<Transfer>, Result<Response>>> ended;
  for (auto& [transfer, error] : stillborn) {
    ended.emplace_back(std::move(transfer), tl::make_unexpected(std::move(error)));
  }
  stillborn.clear();
  int left = 0;
  while (const CURLMsg* const message = curl_multi_info_read(multi.get(), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    CURL* const easy = message->easy_handle;
    const CURLcode code = message->data.result;
    std::unique_ptr<Transfer> transfer = TakeRunning(easy);
    Result<Response> result = transfer->Finish(code);
    curl_multi_remove_handle(multi.get(), easy);
    ended.emplace_back(std::move(transfer), std::move(result));
  }
  for (auto& [transfer, result] : ended) {
    EasyPtr easy = transfer->TakeEasy();
    curl_easy_reset(easy.get());  // drops the pointers into the Transfer
    if (idle.size() < kKeptHandles) idle.push_back(std::move(easy));
    transfer->done()(std::move(result));
  }
  return ended.size();
}

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

Result<Client> Client::Create(const ClientConfig& config) {
  // Thread-safe in libcurl 7.84 and later; counted, and never undone.
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (initialised != CURLE_OK) {
    return Fail(ErrorCode::kInternal, "curl_global_init: {}", curl_easy_strerror(initialised));
  }
  RETURN_IF_ERROR(CheckReadable(config.tls.ca_file));
  RETURN_IF_ERROR(CheckReadable(config.tls.cert_file));
  RETURN_IF_ERROR(CheckReadable(config.tls.key_file));
  auto impl = std::make_unique<Impl>();
  impl->config = config;
  impl->multi.reset(curl_multi_init());
  if (impl->multi == nullptr) return Fail(ErrorCode::kResourceExhausted, "curl_multi_init failed");
  curl_multi_setopt(impl->multi.get(), CURLMOPT_MAXCONNECTS, kKeptConnections);
  return Client(std::move(impl));
}

void Client::Start(Request request, std::function<void(Result<Response>)> done) {
  EasyPtr easy = impl_->TakeHandle();
  const bool have_handle = easy != nullptr;
  auto transfer = std::make_unique<Transfer>(std::move(easy), std::move(request), std::move(done));
  if (!have_handle) {
    Error error = transfer->Failed(ErrorCode::kResourceExhausted, "curl_easy_init failed");
    impl_->stillborn.emplace_back(std::move(transfer), std::move(error));
    return;
  }
  if (Result<void> ready = transfer->Prepare(impl_->config); !ready) {
    impl_->stillborn.emplace_back(std::move(transfer), std::move(ready).error());
    return;
  }
  const CURLMcode added = curl_multi_add_handle(impl_->multi.get(), transfer->easy());
  if (added != CURLM_OK) {
    Error error = transfer->Failed(ErrorCode::kInternal, curl_multi_strerror(added));
    impl_->stillborn.emplace_back(std::move(transfer), std::move(error));
    return;
  }
  impl_->running.push_back(std::move(transfer));
}

size_t Client::in_flight() const {
  return impl_->running.size() + impl_->stillborn.size();
}

void Client::Poll(std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (true) {
    int running = 0;
    curl_multi_perform(impl_->multi.get(), &running);
    if (impl_->Deliver() > 0 || impl_->woken.exchange(false)) return;
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left <= std::chrono::milliseconds::zero()) return;
    const auto wait = std::min<int64_t>(left.count(), std::numeric_limits<int>::max());
    curl_multi_poll(impl_->multi.get(), nullptr, 0, static_cast<int>(wait), nullptr);
  }
}

void Client::Wake() {
  impl_->woken = true;
  curl_multi_wakeup(impl_->multi.get());
}

Result<Response> Client::Send(Request request) {
  std::optional<Result<Response>> answer;
  Start(std::move(request), [&](Result<Response> result) { answer = std::move(result); });
  while (!answer) Poll(std::chrono::seconds(1));
  return std::move(*answer);
}

}  // namespace shared::http
