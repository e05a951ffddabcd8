#include "shared/http/transfer.h"

#include <algorithm>

#include "shared/http/redact_url.h"
#include "shared/http/retry_after.h"

namespace shared::http {
namespace {

constexpr size_t kHeaderLimitBytes = 32 << 10;
constexpr long kReceiveBufferBytes = 16 << 10;
constexpr long kSendBufferBytes = 64 << 10;

char Lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

// The value of "Name: value\r\n" if it is this header.
std::optional<std::string_view> HeaderValue(std::string_view line, std::string_view lower_name) {
  const size_t colon = line.find(':');
  if (colon != lower_name.size()) return std::nullopt;
  for (size_t i = 0; i < colon; ++i) {
    if (Lower(line[i]) != lower_name[i]) return std::nullopt;
  }
  line.remove_prefix(colon + 1);
  const size_t start = line.find_first_not_of(" \t");
  const size_t end = line.find_last_not_of(" \t\r\n");
  if (start == std::string_view::npos || end == std::string_view::npos) return "";
  return line.substr(start, end - start + 1);
}

// RFC 9110, 5.6.2: what a method or a header name is made of.
bool IsToken(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

bool HasControlCharacter(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7f;
  });
}

template <typename T>
void Set(CURL* easy, CURLoption option, T value) {
  curl_easy_setopt(easy, option, value);
}

}  // namespace

Error Transfer::Failed(ErrorCode code, std::string_view why) const {
  return Error{code, fmt::format("{} {}: {}", request_.method, RedactUrl(request_.url), why)};
}

Result<void> Transfer::Prepare(const ClientConfig& config) {
  CURL* const easy = easy_.get();
  limit_bytes_ = config.response_limit_bytes;
  connect_timeout_ = config.connect_timeout;
  request_timeout_ = config.request_timeout;
  if (!IsToken(request_.method) || HasControlCharacter(request_.url)) {
    return Fail(ErrorCode::kInvalidInput, "a request's method or URL has a forbidden character");
  }
  RETURN_IF_ERROR(PrepareHeaders());
  Set(easy, CURLOPT_URL, request_.url.c_str());
  Set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  Set(easy, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
  Set(easy, CURLOPT_FOLLOWLOCATION, 0L);
  Set(easy, CURLOPT_NOSIGNAL, 1L);  // this thread is not the only one
  Set(easy, CURLOPT_NETRC, long{CURL_NETRC_IGNORED});
  Set(easy, CURLOPT_PROXY, config.proxy.c_str());  // "": none, whatever the environment says
  Set(easy, CURLOPT_NOPROXY, "");
  Set(easy, CURLOPT_USERAGENT, config.user_agent.c_str());
  Set(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(connect_timeout_.count()));
  Set(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(request_timeout_.count()));
  Set(easy, CURLOPT_BUFFERSIZE, kReceiveBufferBytes);
  Set(easy, CURLOPT_UPLOAD_BUFFERSIZE, kSendBufferBytes);
  Set(easy, CURLOPT_HTTPHEADER, headers_.get());
  Set(easy, CURLOPT_ERRORBUFFER, curl_message_.data());
  Set(easy, CURLOPT_WRITEFUNCTION, &Transfer::TakeBody);
  Set(easy, CURLOPT_WRITEDATA, static_cast<void*>(this));
  Set(easy, CURLOPT_HEADERFUNCTION, &Transfer::TakeHeader);
  Set(easy, CURLOPT_HEADERDATA, static_cast<void*>(this));
  Set(easy, CURLOPT_PRIVATE, static_cast<void*>(this));
  PrepareTls(config.tls);
  PrepareBody();
  return {};
}

Result<void> Transfer::PrepareHeaders() {
  const auto append = [&](const std::string& line) {
    // On failure (no memory) the list stays as it was and still belongs to headers_.
    curl_slist* const list = curl_slist_append(headers_.get(), line.c_str());
    if (list == nullptr) return;
    static_cast<void>(headers_.release());
    headers_.reset(list);
  };
  bool content_type = false;
  for (const auto& [name, value] : request_.headers) {
    if (!IsToken(name) || HasControlCharacter(value)) {
      return tl::make_unexpected(Failed(
          ErrorCode::kInvalidInput, fmt::format("header \"{}\" has a forbidden character", name)));
    }
    content_type = content_type || HeaderValue(name + ":", "content-type").has_value();
    append(value.empty() ? name + ";" : name + ": " + value);  // libcurl's way to send it empty
  }
  if (HasControlCharacter(request_.bearer_token.Reveal())) {
    return tl::make_unexpected(
        Failed(ErrorCode::kInvalidInput, "the bearer token has a forbidden character"));
  }
  if (!request_.bearer_token.empty()) {
    append("Authorization: Bearer " + request_.bearer_token.Reveal());
  }
  append("Expect:");                           // no round trip to ask whether the body is wanted
  if (!content_type) append("Content-Type:");  // not libcurl's guess of a form
  return {};
}

void Transfer::PrepareTls(const TlsConfig& tls) {
  CURL* const easy = easy_.get();
  Set(easy, CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
  Set(easy, CURLOPT_SSL_VERIFYPEER, tls.verify ? 1L : 0L);
  Set(easy, CURLOPT_SSL_VERIFYHOST, tls.verify && tls.verify_name ? 2L : 0L);
  if (!tls.ca_file.empty()) {
    Set(easy, CURLOPT_CAINFO, tls.ca_file.c_str());
    Set(easy, CURLOPT_CAPATH, static_cast<const char*>(nullptr));  // else the system's as well
  }
  if (!tls.cert_file.empty()) Set(easy, CURLOPT_SSLCERT, tls.cert_file.c_str());
  if (!tls.key_file.empty()) Set(easy, CURLOPT_SSLKEY, tls.key_file.c_str());
}

void Transfer::PrepareBody() {
  CURL* const easy = easy_.get();
  if (request_.method == "HEAD") {
    Set(easy, CURLOPT_NOBODY, 1L);
    return;
  }
  if (request_.method == "GET" && request_.body.empty()) {
    Set(easy, CURLOPT_HTTPGET, 1L);
    return;
  }
  const bool sends_body = request_.method == "POST" || request_.method == "PUT" ||
                          request_.method == "PATCH" || !request_.body.empty();
  if (sends_body) {
    Set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
    Set(easy, CURLOPT_POSTFIELDS, request_.body.data());  // not copied: it lives as long as this
  }
  if (request_.method != "POST") Set(easy, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
}

size_t Transfer::TakeBody(char* data, size_t size, size_t count, void* self) {
  auto* const transfer = static_cast<Transfer*>(self);
  const size_t bytes = size * count;
  if (transfer->response_.body.size() + bytes > transfer->limit_bytes_) {
    transfer->over_limit_ = fmt::format("a reply over {} bytes", transfer->limit_bytes_);
    return 0;  // ends the transfer
  }
  transfer->response_.body.append(data, bytes);
  return bytes;
}

size_t Transfer::TakeHeader(char* data, size_t size, size_t count, void* self) {
  auto* const transfer = static_cast<Transfer*>(self);
  const size_t bytes = size * count;
  transfer->header_bytes_ += bytes;
  if (transfer->header_bytes_ > kHeaderLimitBytes) {
    transfer->over_limit_ = fmt::format("headers over {} bytes", kHeaderLimitBytes);
    return 0;
  }
  const std::string_view line(data, bytes);
  Response& response = transfer->response_;
  if (line.starts_with("HTTP/")) {  // a new head: the one before was a 1xx or a proxy's
    response.content_type.clear();
    response.retry_after = std::chrono::seconds(-1);
  } else if (const auto type = HeaderValue(line, "content-type")) {
    response.content_type = *type;
  } else if (const auto wait = HeaderValue(line, "retry-after")) {
    response.retry_after = ParseRetryAfter(*wait, SystemClock().Now());
  }
  return bytes;
}

Result<Response> Transfer::Finish(CURLcode code) {
  if (code != CURLE_OK) return tl::make_unexpected(ErrorOf(code));
  long status = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
  response_.status = static_cast<int>(status);
  return std::move(response_);
}

Error Transfer::ErrorOf(CURLcode code) {
  if (!over_limit_.empty()) return Failed(ErrorCode::kResourceExhausted, over_limit_);
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT: {
      curl_off_t connected = 0;  // microseconds until TLS was ready too; 0: never
      curl_easy_getinfo(easy_.get(), CURLINFO_PRETRANSFER_TIME_T, &connected);
      if (connected > 0) {
        return Failed(ErrorCode::kTimeout,
                      fmt::format("no whole answer within {} ms", request_timeout_.count()));
      }
      const auto limit = std::min(connect_timeout_, request_timeout_);
      return Failed(ErrorCode::kTimeout, fmt::format("no connection within {} ms", limit.count()));
    }
    case CURLE_COULDNT_CONNECT: {
      long os_error = 0;
      curl_easy_getinfo(easy_.get(), CURLINFO_OS_ERRNO, &os_error);
      if (os_error == 0) break;
      return Failed(ErrorCode::kUnavailable,
                    ErrnoError(static_cast<int>(os_error), "connect").message);
    }
    case CURLE_URL_MALFORMAT:
      return Failed(ErrorCode::kInvalidInput, curl_easy_strerror(code));
    case CURLE_UNSUPPORTED_PROTOCOL:
      // Of a scheme that is not ours, and of a reply that is not HTTP/1.
      if (header_bytes_ == 0 && !request_.url.starts_with("http")) {
        return Failed(ErrorCode::kInvalidInput, "neither http nor https");
      }
      break;
    default:
      break;
  }
  const std::string_view detail(curl_message_.data());
  return Failed(ErrorCode::kUnavailable, detail.empty() ? curl_easy_strerror(code) : detail);
}

}  // namespace shared::http
