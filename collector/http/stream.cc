#include "collector/http/stream.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "shared/base/check.h"

namespace collector::http {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::seconds kLastWords{2};
constexpr size_t kLastWordsBytes = size_t{1} << 20;

// OpenSSL's own socket BIO raises SIGPIPE.
int DescriptorOf(BIO* bio) {
  return *static_cast<int*>(BIO_get_data(bio));
}
bool WouldBlock() {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}
int ReceiveBytes(BIO* bio, char* out, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t got = ::recv(DescriptorOf(bio), out, static_cast<size_t>(size), 0);
  if (got < 0 && WouldBlock()) BIO_set_retry_read(bio);
  return static_cast<int>(got);
}
int SendBytes(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t sent = ::send(DescriptorOf(bio), bytes, static_cast<size_t>(size), MSG_NOSIGNAL);
  if (sent < 0 && WouldBlock()) BIO_set_retry_write(bio);
  return static_cast<int>(sent);
}
long Control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

}  // namespace

void Stream::SslDeleter::operator()(ssl_st* ssl) const {
  SSL_free(ssl);
}

BIO_METHOD* Stream::SocketMethod() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "connection");
    CHECK(made != nullptr);
    BIO_meth_set_read(made, &ReceiveBytes);
    BIO_meth_set_write(made, &SendBytes);
    BIO_meth_set_ctrl(made, &Control);
    return made;
  }();
  return method;
}

Stream::Stream(asio::ip::tcp::socket socket)
    : socket_(std::move(socket)),
      timer_(socket_.get_executor()),
      descriptor_(socket_.native_handle()) {}

Stream::~Stream() = default;

// The timer runs on when the deadline moves away, and looks again when it fires: most requests cost
// no timer at all.
void Stream::expires_at(Clock::time_point deadline) {
  deadline_ = deadline;
  if (deadline_ < timer_ends_) ArmTimer();
}

void Stream::ArmTimer() {
  timer_ends_ = deadline_;
  timer_.expires_at(deadline_);
  timer_.async_wait([this, weak = owner_](Error error) {
    const std::shared_ptr<void> owner = weak.lock();
    if (owner && !error) OnTimer();
  });
}

void Stream::OnTimer() {
  timer_ends_ = Clock::time_point::max();
  if (deadline_ == Clock::time_point::max()) return;
  if (Clock::now() < deadline_) return ArmTimer();
  timed_out_ = true;
  Error ignored;
  if (!stepping_) socket_.cancel(ignored);
}

Stream::Error Stream::Refusal() const {
  if (timed_out_) return boost::beast::error::timeout;
  if (!socket_.is_open()) return asio::error::operation_aborted;
  return {};
}

Stream::Error Stream::Explain(Error error) const {
  if (error == asio::error::operation_aborted && timed_out_) return boost::beast::error::timeout;
  return error;
}

void Stream::StartTls(SSL_CTX* context, asio::any_io_executor worker,
                      std::function<void(std::optional<HandshakeFailure>)> done) {
  Error ignored;
  socket_.non_blocking(true, ignored);
  ssl_.reset(SSL_new(context));
  BIO* const bio = BIO_new(SocketMethod());
  CHECK(ssl_ != nullptr && bio != nullptr);
  BIO_set_data(bio, &descriptor_);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);  // owns it now
  SSL_set_accept_state(ssl_.get());
  worker_ = std::move(worker);
  handshake_done_ = std::move(done);
  ContinueHandshake(Want::kRead);
}

void Stream::ContinueHandshake(Want want) {
  if (const Error refusal = Refusal(); refusal) {
    return FinishHandshake(HandshakeFailure{timed_out_ ? "timeout" : "stopped", refusal.message()});
  }
  socket_.async_wait(want == Want::kRead ? Socket::wait_read : Socket::wait_write,
                     [this, owner = owner_.lock()](Error) {
                       // Also without error: it may have been closed since the socket was ready.
                       if (Refusal()) return ContinueHandshake(Want::kRead);
                       TakeHandshakeStep();
                     });
}

void Stream::TakeHandshakeStep() {
  stepping_ = true;
  asio::post(worker_, [this, owner = owner_.lock()]() mutable {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    HandshakeFailure failure;
    Want want = Want::kNothing;
    if (result != 1) {
      const int error = SSL_get_error(ssl_.get(), result);
      if (error == SSL_ERROR_WANT_READ) want = Want::kRead;
      if (error == SSL_ERROR_WANT_WRITE) want = Want::kWrite;
      if (want == Want::kNothing) failure = TakeHandshakeFailure(ssl_.get());
    }
    // The owner goes along, so that it never ends on this thread.
    asio::post(socket_.get_executor(), [this, owner = std::move(owner), result, want,
                                        failure = std::move(failure)]() mutable {
      OnHandshakeStep(result, want, std::move(failure));
    });
  });
}

void Stream::OnHandshakeStep(int result, Want want, HandshakeFailure failure) {
  stepping_ = false;
  if (close_after_step_) Close();
  if (Refusal() || want != Want::kNothing) return ContinueHandshake(want);
  if (result == 1) return FinishHandshake(std::nullopt);
  FinishHandshake(std::move(failure));
}

void Stream::FinishHandshake(std::optional<HandshakeFailure> failure) {
  worker_ = {};
  const auto done = std::exchange(handshake_done_, nullptr);
  done(std::move(failure));
}

std::vector<std::string> Stream::PeerNames() const {
  return ssl_ == nullptr ? std::vector<std::string>{} : http::PeerNames(ssl_.get());
}

void Stream::WriteInPlain(std::string_view text) {
  Error ignored;
  if (socket_.is_open()) socket_.send(asio::buffer(text.data(), text.size()), 0, ignored);
}

Stream::Step Stream::StepOf(int result) {
  const int system_error = errno;
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return {Want::kRead};
    case SSL_ERROR_WANT_WRITE:
      return {Want::kWrite};
    case SSL_ERROR_ZERO_RETURN:
      return {Want::kNothing, 0, asio::error::eof};
    case SSL_ERROR_SYSCALL:
      if (result == 0 || system_error == 0) return {Want::kNothing, 0, asio::error::eof};
      return {Want::kNothing, 0, Error(system_error, boost::system::system_category())};
    default:
      return {Want::kNothing, 0,
              boost::system::errc::make_error_code(boost::system::errc::protocol_error)};
  }
}

Stream::Step Stream::ReadTls(void* data, size_t size) {
  ERR_clear_error();
  errno = 0;
  size_t bytes = 0;
  const int result = SSL_read_ex(ssl_.get(), data, size, &bytes);
  if (result == 1) return {Want::kNothing, bytes};
  return StepOf(result);
}

Stream::Step Stream::WriteTls(const void* data, size_t size) {
  ERR_clear_error();
  errno = 0;
  size_t bytes = 0;
  const int result = SSL_write_ex(ssl_.get(), data, size, &bytes);
  if (result == 1) return {Want::kNothing, bytes};
  return StepOf(result);
}

void Stream::Close() {
  if (stepping_) {
    close_after_step_ = true;
    return;
  }
  timer_.cancel();
  if (!socket_.is_open()) return;
  if (ssl_ != nullptr && SSL_is_init_finished(ssl_.get()) == 1) {
    SSL_shutdown(ssl_.get());  // the end of the data is no cut: one record, if the socket takes it
    ERR_clear_error();
  }
  Error ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
  socket_.close(ignored);
}

void Stream::CloseGently() {
  if (stepping_ || !socket_.is_open()) return Close();
  if (ssl_ != nullptr && SSL_is_init_finished(ssl_.get()) == 1) {
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }
  Error ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
  timed_out_ = false;
  expires_after(kLastWords);
  ReadAway(std::make_shared<std::vector<char>>(4096), kLastWordsBytes);
}

void Stream::ReadAway(std::shared_ptr<std::vector<char>> scrap, size_t left) {
  const auto room = asio::buffer(*scrap);
  socket_.async_read_some(room, [this, owner = owner_.lock(), scrap = std::move(scrap), left](
                                    Error error, size_t bytes) {
    if (error || bytes >= left || Refusal()) return Close();
    ReadAway(scrap, left - bytes);
  });
}

}  // namespace collector::http
