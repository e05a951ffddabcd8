#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/error.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "collector/http/tls_peer.h"

struct ssl_ctx_st;
struct ssl_st;
struct bio_method_st;

namespace collector::http {

// A connection in plain or within TLS, with one deadline for whatever is under way: an Asio
// AsyncReadStream and AsyncWriteStream. Private to this folder.
//
// Asio's own ssl::stream keeps 34 KiB of buffers for every connection, and OpenSSL as much again
// between the two; ten thousand idle agents would be 700 MB. Here OpenSSL works on the socket, and
// keeps buffers only while it needs them. Handshakes cost a hundred times what a request costs:
// they run on an executor of their own, so that a crowd that connects does not hold up others'
// requests.
//
// All functions run on the socket's executor, a strand; one read and one write at a time. What
// `owner` points to holds the stream, and is kept by each operation's handler.
class Stream {
 public:
  using executor_type = boost::asio::ip::tcp::socket::executor_type;
  using Clock = std::chrono::steady_clock;

  explicit Stream(boost::asio::ip::tcp::socket socket);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  executor_type get_executor() { return socket_.get_executor(); }
  // Call once, before any other function: the deadline's timer must not keep its owner.
  void SetOwner(std::weak_ptr<void> owner) { owner_ = std::move(owner); }

  // When what is under way, or begins later, ends with boost::beast::error::timeout.
  void expires_at(Clock::time_point deadline);
  void expires_after(Clock::duration duration) { expires_at(Clock::now() + duration); }
  void expires_never() { expires_at(Clock::time_point::max()); }

  // Makes this a TLS connection; from then on reads and writes are within it. `done`: nullopt, or
  // why not, then only WriteInPlain and Close are left. Steps run on `worker`.
  void StartTls(ssl_ctx_st* context, boost::asio::any_io_executor worker,
                std::function<void(std::optional<HandshakeFailure>)> done);
  [[nodiscard]] std::vector<std::string> PeerNames() const;
  // At most what the socket takes at once: last words to a peer that speaks no TLS.
  void WriteInPlain(std::string_view text);

  template <typename Buffers, typename Handler>
  void async_read_some(const Buffers& buffers, Handler&& handler) {
    boost::asio::async_compose<Handler, void(boost::system::error_code, size_t)>(
        ReadOperation<Buffers>{*this, buffers}, handler, socket_);
  }
  template <typename Buffers, typename Handler>
  void async_write_some(const Buffers& buffers, Handler&& handler) {
    boost::asio::async_compose<Handler, void(boost::system::error_code, size_t)>(
        WriteOperation<Buffers>{*this, buffers}, handler, socket_);
  }

  // Ends whatever is under way. Idempotent.
  void Close();
  // Sends nothing more, reads away what the peer still sends, for two seconds or 1 MiB, and closes:
  // closing at once would reset the connection, and what we said last could be lost with it.
  void CloseGently();

 private:
  using Error = boost::system::error_code;
  using Socket = boost::asio::ip::tcp::socket;
  enum class Want { kNothing, kRead, kWrite };
  // What one call of OpenSSL came to: wait for the socket, or done with `bytes` or `error`.
  struct Step {
    Want want = Want::kNothing;
    size_t bytes = 0;
    Error error{};
  };
  struct SslDeleter {
    void operator()(ssl_st* ssl) const;
  };
  // One read or write. Within TLS: tries, waits for the socket while OpenSSL asks for it, tries
  // again; what is done at once is posted, for nothing may complete within its own beginning.
  template <typename Self>
  void RunStep(Self& self, Step step, bool first, Step& result, bool& finished);
  template <typename Buffers>
  struct ReadOperation;
  template <typename Buffers>
  struct WriteOperation;

  static bio_method_st* SocketMethod();
  // The state in which nothing may begin any more, as an error; else no error.
  [[nodiscard]] Error Refusal() const;
  // A cancelled operation's error, if it was the deadline.
  [[nodiscard]] Error Explain(Error error) const;
  Step ReadTls(void* data, size_t size);
  Step WriteTls(const void* data, size_t size);
  Step StepOf(int result);
  void ContinueHandshake(Want want);
  void TakeHandshakeStep();
  void OnHandshakeStep(int result, Want want, HandshakeFailure failure);
  void FinishHandshake(std::optional<HandshakeFailure> failure);
  void ReadAway(std::shared_ptr<std::vector<char>> scrap, size_t left);
  void ArmTimer();
  void OnTimer();

  Socket socket_;
  boost::asio::steady_timer timer_;
  std::weak_ptr<void> owner_;
  Clock::time_point deadline_ = Clock::time_point::max();
  Clock::time_point timer_ends_ = Clock::time_point::max();  // max: no wait is under way
  bool timed_out_ = false;
  int descriptor_;
  // TLS only. While a step of the handshake runs on `worker_`, it alone touches ssl_ and the
  // socket.
  std::unique_ptr<ssl_st, SslDeleter> ssl_;
  boost::asio::any_io_executor worker_;
  std::function<void(std::optional<HandshakeFailure>)> handshake_done_;
  bool stepping_ = false;
  bool close_after_step_ = false;
};

template <typename Self>
void Stream::RunStep(Self& self, Step step, bool first, Step& result, bool& finished) {
  if (step.want != Want::kNothing) {
    const auto wait = step.want == Want::kRead ? Socket::wait_read : Socket::wait_write;
    socket_.async_wait(wait, std::move(self));
    return;
  }
  if (!first) return self.complete(step.error, step.bytes);
  result = step;
  finished = true;
  boost::asio::post(socket_.get_executor(), std::move(self));
}

template <typename Buffers>
struct Stream::ReadOperation {
  Stream& stream;
  Buffers buffers;
  bool begun = false;
  bool finished = false;
  Step result{};

  template <typename Self>
  void operator()(Self& self, Error error = {}, size_t bytes = 0) {
    const bool first = !std::exchange(begun, true);
    if (finished) return self.complete(result.error, result.bytes);
    if (first) error = stream.Refusal();
    if (error)
      return stream.RunStep(self, {Want::kNothing, 0, stream.Explain(error)}, first, result,
                            finished);
    if (stream.ssl_ == nullptr) {
      if (!first) return self.complete(error, bytes);
      const Buffers copy = buffers;  // the operation moves while it is handed on
      return stream.socket_.async_read_some(copy, std::move(self));
    }
    const auto room = *boost::asio::buffer_sequence_begin(buffers);
    stream.RunStep(self, stream.ReadTls(room.data(), room.size()), first, result, finished);
  }
};

template <typename Buffers>
struct Stream::WriteOperation {
  Stream& stream;
  Buffers buffers;
  bool begun = false;
  bool finished = false;
  Step result{};

  template <typename Self>
  void operator()(Self& self, Error error = {}, size_t bytes = 0) {
    const bool first = !std::exchange(begun, true);
    if (finished) return self.complete(result.error, result.bytes);
    if (first) error = stream.Refusal();
    if (error)
      return stream.RunStep(self, {Want::kNothing, 0, stream.Explain(error)}, first, result,
                            finished);
    if (stream.ssl_ == nullptr) {
      if (!first) return self.complete(error, bytes);
      const Buffers copy = buffers;  // the operation moves while it is handed on
      return stream.socket_.async_write_some(copy, std::move(self));
    }
    // One record for what comes in several small pieces. After a wait OpenSSL gets the same bytes
    // again, as it wants them.
    char record[16384];
    const size_t size = boost::asio::buffer_copy(boost::asio::buffer(record), buffers);
    stream.RunStep(self, stream.WriteTls(record, size), first, result, finished);
  }
};

}  // namespace collector::http
