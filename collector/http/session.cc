#include "collector/http/session.h"

#include <algorithm>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/read.hpp>
#include <utility>

#include "collector/access/gate.h"

namespace collector::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;

constexpr size_t kSlowBodyBytesPerSecond = 1024;
constexpr std::chrono::seconds kSlowBodyGrace{10};
constexpr std::string_view kSpeaksTls =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
    "this port speaks TLS: use https://\n";
// Of a request that is refused: so much is read and thrown away, so that the peer reads the answer
// and the connection goes on. After a larger one the connection is closed.
constexpr size_t kThrownAwayBytes = 65536;

std::string LowerCase(beast::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter;
  });
  return out;
}

std::string PathOf(const Target& target) {
  std::string path = "/";
  for (const std::string& part : target.parts) {
    if (path.size() > 1) path += '/';
    path += part;
  }
  return path;
}

// All values of a header, joined as RFC 9110 5.2 says.
std::optional<std::string> HeaderOf(const beast::http::fields& header, beast::string_view name) {
  std::optional<std::string> out;
  const auto [begin, end] = header.equal_range(name);
  for (auto field = begin; field != end; ++field) {
    if (out) {
      *out += ", ";
    } else {
      out.emplace();
    }
    out->append(field->value());
  }
  return out;
}
const std::string* PointerTo(const std::optional<std::string>& text) {
  return text ? &*text : nullptr;
}

Response NoRoute(const std::string& method, const std::string& path, const std::string& allow) {
  if (allow.empty()) return ErrorResponse(404, "not_found", fmt::format("no such path: {}", path));
  Response response =
      ErrorResponse(405, "invalid_input",
                    fmt::format("{} is not allowed on {}; allowed: {}", method, path, allow));
  response.headers.emplace_back("Allow", allow);
  return response;
}

Response ResponseOf(const access::Denial& denial) {
  Response response =
      ErrorResponse(denial.status, denial.code, denial.message, denial.retry_after_seconds);
  if (denial.status == 401) {
    response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"pgvigil\"");
  }
  return response;
}

// Answers with 500 when the last copy of a Responder goes without having been called.
class Answerer {
 public:
  explicit Answerer(std::function<void(Response)> answer) : answer_(std::move(answer)) {}
  Answerer(const Answerer&) = delete;
  Answerer& operator=(const Answerer&) = delete;
  ~Answerer() {
    if (!called_) answer_(ErrorResponse(500, "internal", "the request was dropped unanswered"));
  }
  void Answer(Response response) {
    if (called_) return;
    called_ = true;
    answer_(std::move(response));
  }

 private:
  std::function<void(Response)> answer_;
  bool called_ = false;
};

}  // namespace

Session::Session(asio::ip::tcp::socket socket, std::string address, std::string peer,
                 const SessionContext& context)
    : stream_(std::move(socket)),
      address_(std::move(address)),
      peer_(std::move(peer)),
      context_(context),
      response_timer_(stream_.get_executor()) {}

Session::~Session() {
  ReleaseBody();
  context_.admission.Disconnected(address_);
}

void Session::Start() {
  asio::dispatch(stream_.get_executor(), [self = shared_from_this()] {
    self->stream_.SetOwner(self);
    self->context_.certificates == nullptr ? self->WaitForRequest() : self->ShakeHands();
  });
}

void Session::Finish() {
  asio::post(stream_.get_executor(), [self = shared_from_this()] {
    self->finishing_ = true;
    if (self->answered_ && !self->response_) self->Close();
  });
}

void Session::Abort() {
  asio::post(stream_.get_executor(), [self = shared_from_this()] { self->Close(); });
}

void Session::ShakeHands() {
  stream_.expires_after(context_.config.tls.handshake_timeout);
  // The stream keeps the function, so it must not keep us: its owner goes along with each wait.
  stream_.StartTls(
      context_.certificates->Current().get(), context_.handshakes,
      [this](const std::optional<HandshakeFailure>& failure) { OnHandshake(failure); });
}

void Session::OnHandshake(const std::optional<HandshakeFailure>& failure) {
  if (!failure) {
    client_names_ = stream_.PeerNames();
    return WaitForRequest();
  }
  if (finishing_) return Close();
  context_.admission.CountHandshakeFailure(failure->reason);
  if (uint64_t suppressed = 0; context_.handshake_log.Allow(&suppressed)) {
    shared::log::Warn("TLS handshake with {} failed: {}: {} ({} more since the last such line)",
                      peer_, failure->reason, failure->detail, suppressed);
  }
  if (failure->spoke_http) stream_.WriteInPlain(kSpeaksTls);
  stream_.CloseGently();
}

void Session::WaitForRequest() {
  parser_.emplace();
  // Beast's header_limit counts the header alone; the buffer's bound stops a peer that sends no
  // end.
  parser_->header_limit(static_cast<std::uint32_t>(context_.config.limits.header_bytes));
  parser_->body_limit(context_.config.limits.body_bytes);
  buffer_.max_size(context_.config.limits.header_bytes + 65536);
  if (buffer_.size() > 0) {  // pipelined: the next request is here already
    OnFirstByte({}, 0);
    return;
  }
  stream_.expires_after(context_.config.limits.idle_timeout);
  stream_.async_read_some(buffer_.prepare(4096),
                          [self = shared_from_this()](error_code error, size_t bytes) {
                            self->OnFirstByte(error, bytes);
                          });
}

void Session::OnFirstByte(error_code error, size_t bytes) {
  if (error) return Close();
  buffer_.commit(bytes);
  stream_.expires_after(context_.config.limits.header_timeout);
  beast::http::async_read_header(
      stream_, buffer_, *parser_,
      [self = shared_from_this()](error_code failed, size_t) { self->OnHeader(failed); });
}

void Session::OnHeader(error_code error) {
  const Limits& limits = context_.config.limits;
  if (error == beast::error::timeout) {
    context_.admission.CountRefused("header_timeout");
    return Close();
  }
  if (error == beast::http::error::header_limit || error == beast::http::error::buffer_overflow) {
    return Refuse(431, "resource_exhausted", "header_too_large",
                  fmt::format("the request header is larger than {} bytes", limits.header_bytes));
  }
  if (error == beast::http::error::body_limit) {
    return Refuse(413, "resource_exhausted", "body_too_large",
                  fmt::format("the body is larger than {} bytes", limits.body_bytes));
  }
  if (error == beast::http::error::end_of_stream) return Close();
  if (error.category() == beast::http::make_error_code(beast::http::error::bad_method).category()) {
    return Refuse(400, "malformed", "malformed",
                  fmt::format("not an HTTP/1.1 request: {}", error.message()));
  }
  if (error) return Close();

  context_.admission.CountRequest();
  const auto& header = parser_->get();
  keep_alive_ = header.keep_alive();
  head_only_ = header.method() == beast::http::verb::head;
  if (const std::string problem = CheckHeader(); !problem.empty()) {
    return Refuse(400, "malformed", "malformed", problem);
  }
  if (!Admit()) return;
  const size_t announced = static_cast<size_t>(parser_->content_length().value_or(0));
  if (announced > limits.body_bytes) {
    return Refuse(413, "resource_exhausted", "body_too_large",
                  fmt::format("the body is larger than {} bytes", limits.body_bytes));
  }
  if (!context_.admission.ReserveBody(0, announced)) return RefuseForOverload();
  body_read_ = 0;
  body_began_ = Clock::now();
  if (beast::iequals(header[beast::http::field::expect], "100-continue")) {
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    asio::async_write(stream_, asio::buffer(kContinue.data(), kContinue.size()),
                      [self = shared_from_this()](error_code failed, size_t) {
                        if (failed) return self->Close();
                        self->ReadBody();
                      });
    return;
  }
  ReadBody();
}

// What two readers of the same bytes could understand in two ways (RFC 9112, 3.2 and 6.1; the
// parser itself refuses several lengths, and a length beside chunks). Behind a proxy that would let
// one client's request hide another.
std::string Session::CheckHeader() const {
  using beast::http::field;
  const auto& header = parser_->get();
  const auto encodings = header.count(field::transfer_encoding);
  if (encodings > 0 && (encodings > 1 || header.version() < 11 ||
                        !beast::iequals(header[field::transfer_encoding], "chunked"))) {
    return "Transfer-Encoding: expected chunked, once, in HTTP/1.1";
  }
  const auto hosts = header.count(field::host);
  if (hosts > 1 || (hosts == 0 && header.version() >= 11)) return "Host: expected once";
  return {};
}

// Finds the route and asks the gate, before a byte of the body is read. False: the request was
// answered, and the connection is to be closed. A refusal that can wait is in refusal_.
bool Session::Admit() {
  const auto& header = parser_->get();
  refusal_.reset();
  caller_ = {};
  shared::Result<Target> target = ParseTarget({header.target().data(), header.target().size()});
  if (!target) {
    Refuse(400, "malformed", "malformed", target.error().message);
    return false;
  }
  target_ = std::move(*target);
  const std::string method(header.method_string());
  match_ = context_.router.Find(method, target_.parts);
  if (match_.handler == nullptr) {
    refusal_ = NoRoute(method, PathOf(target_), match_.allow);
  } else if (match_.scope && context_.config.gate != nullptr) {
    const std::optional<std::string> authorization = HeaderOf(header, "Authorization");
    const std::optional<std::string> api_key = HeaderOf(header, "X-API-Key");
    const std::optional<std::string> tenant = HeaderOf(header, "X-Scope-OrgID");
    const std::string what = fmt::format("{} {}", method, match_.pattern);
    auto caller = context_.config.gate->Admit(
        {PointerTo(authorization), PointerTo(api_key), PointerTo(tenant), address_, what},
        *match_.scope);
    if (caller) {
      caller_ = std::move(*caller);
    } else {
      refusal_ = ResponseOf(caller.error());
    }
  }
  if (!refusal_) return true;
  const auto length = parser_->content_length();
  const bool small = !parser_->chunked() && (!length || *length <= kThrownAwayBytes);
  if (small && header[beast::http::field::expect].empty()) return true;
  Write(std::move(*refusal_), /*keep_alive=*/false);
  return false;
}

void Session::ReadBody() {
  if (body_read_ > body_reserved_) {
    const size_t more = body_read_ - body_reserved_;
    if (!context_.admission.ReserveBody(more, more)) return RefuseForOverload();
    body_reserved_ = body_read_;
  }
  if (parser_->is_done()) return Dispatch();
  const auto deadline = body_began_ + context_.config.limits.body_timeout;
  const auto elapsed = Clock::now() - body_began_;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(elapsed);
  const bool slow = elapsed > kSlowBodyGrace &&
                    body_read_ < static_cast<size_t>(seconds.count()) * kSlowBodyBytesPerSecond;
  if (slow || Clock::now() > deadline) {
    return Refuse(408, "timeout", "slow_body", "the body came too slowly");
  }
  stream_.expires_at(std::min(deadline, Clock::now() + kSlowBodyGrace));
  beast::http::async_read_some(stream_, buffer_, *parser_,
                               [self = shared_from_this()](error_code error, size_t bytes) {
                                 self->body_read_ += bytes;
                                 self->OnBody(error);
                               });
}

void Session::OnBody(error_code error) {
  if (error == beast::http::error::body_limit) {
    return Refuse(
        413, "resource_exhausted", "body_too_large",
        fmt::format("the body is larger than {} bytes", context_.config.limits.body_bytes));
  }
  if (error == beast::error::timeout) {
    context_.admission.CountRefused("slow_body");
    return Close();
  }
  if (error && error != beast::http::error::need_buffer) {
    if (error.category() ==
            beast::http::make_error_code(beast::http::error::bad_chunk).category() &&
        error != beast::http::error::partial_message) {
      return Refuse(400, "malformed", "malformed",
                    fmt::format("not an HTTP/1.1 body: {}", error.message()));
    }
    context_.admission.CountRefused("broken_body");
    return Close();
  }
  ReadBody();
}

void Session::Dispatch() {
  if (refusal_) return Write(std::move(*refusal_), keep_alive_);
  auto message = parser_->release();
  Request request;
  request.method = std::string(message.method_string());
  request.path = PathOf(target_);
  request.query = std::move(target_.query);
  request.path_parameters = std::move(match_.path_parameters);
  request.caller = std::move(caller_);
  request.body = std::move(message.body());
  request.peer = peer_;
  request.client_names = client_names_;
  for (const auto& field : message) {
    std::string& value = request.headers[LowerCase(field.name_string())];
    if (!value.empty()) value += ", ";
    value += std::string(field.value());
  }

  answered_ = false;
  request_number_ += 1;
  stream_.expires_never();
  response_timer_.expires_after(context_.config.limits.response_timeout);
  response_timer_.async_wait(
      [self = shared_from_this(), number = request_number_](error_code error) {
        if (error || number != self->request_number_ || self->answered_) return;
        self->context_.admission.CountRefused("response_timeout");
        self->keep_alive_ = false;
        self->Answer(number, ErrorResponse(503, "timeout", "no answer within the deadline", 1));
      });
  auto answerer =
      std::make_shared<Answerer>([weak = weak_from_this(), executor = stream_.get_executor(),
                                  number = request_number_](Response response) {
        asio::post(executor, [weak, number, response = std::move(response)]() mutable {
          if (auto self = weak.lock()) self->Answer(number, std::move(response));
        });
      });
  (*match_.handler)(std::move(request),
                    [answerer](Response response) { answerer->Answer(std::move(response)); });
}

void Session::Answer(uint64_t request_number, Response response) {
  if (answered_ || request_number != request_number_) return;  // timed out meanwhile
  answered_ = true;
  response_timer_.cancel();
  Write(std::move(response), keep_alive_);
}

void Session::Refuse(int status, std::string_view code, std::string_view reason,
                     std::string_view message, int retry_after_seconds) {
  context_.admission.CountRefused(reason);
  Write(ErrorResponse(status, code, message, retry_after_seconds), false);
}

void Session::RefuseForOverload() {
  Write(ErrorResponse(503, "unavailable", "too many request bodies are under way", 1), false);
}

void Session::Write(Response response, bool keep_alive) {
  ReleaseBody();
  keep_alive = keep_alive && !finishing_;
  context_.admission.CountResponse(response.status);
  response_.emplace();
  response_->version(11);
  response_->result(static_cast<unsigned>(response.status));
  response_->set(beast::http::field::content_type, response.content_type);
  response_->set("X-Content-Type-Options", "nosniff");
  for (const auto& [name, value] : context_.config.headers) response_->set(name, value);
  for (const auto& [name, value] : response.headers) response_->set(name, value);
  response_->keep_alive(keep_alive);
  response_->content_length(response.body.size());
  if (!head_only_) response_->body() = std::move(response.body);
  stream_.expires_after(context_.config.limits.body_timeout);
  beast::http::async_write(stream_, *response_,
                           [self = shared_from_this(), keep_alive](error_code error, size_t) {
                             self->OnWritten(error, keep_alive);
                           });
}

void Session::OnWritten(error_code error, bool keep_alive) {
  response_.reset();
  if (error) return Close();
  if (!keep_alive || finishing_) return stream_.CloseGently();
  WaitForRequest();
}

void Session::ReleaseBody() {
  if (body_reserved_ > 0) context_.admission.ReleaseBody(std::exchange(body_reserved_, 0));
}

void Session::Close() {
  response_timer_.cancel();
  stream_.Close();
}

}  // namespace collector::http
