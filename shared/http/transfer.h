#pragma once

#include <curl/curl.h>

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "shared/base/result.h"
#include "shared/http/client.h"

// One request under way; internal to this folder, for it shows libcurl.
namespace shared::http {

struct EasyDeleter {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct HeaderListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using EasyPtr = std::unique_ptr<CURL, EasyDeleter>;
using HeaderListPtr = std::unique_ptr<curl_slist, HeaderListDeleter>;

class Transfer {
 public:
  Transfer(EasyPtr easy, Request request, std::function<void(Result<Response>)> done)
      : easy_(std::move(easy)), request_(std::move(request)), done_(std::move(done)) {}
  Transfer(const Transfer&) = delete;  // libcurl holds its address
  Transfer& operator=(const Transfer&) = delete;

  // Sets every option. kInvalidInput for a method or header that could split the request.
  Result<void> Prepare(const ClientConfig& config);
  // What `code` of curl_multi_info_read means.
  Result<Response> Finish(CURLcode code);
  [[nodiscard]] Error Failed(ErrorCode code, std::string_view why) const;

  [[nodiscard]] CURL* easy() const { return easy_.get(); }
  [[nodiscard]] EasyPtr TakeEasy() { return std::move(easy_); }
  std::function<void(Result<Response>)>& done() { return done_; }

 private:
  static size_t TakeBody(char* data, size_t size, size_t count, void* self);
  static size_t TakeHeader(char* data, size_t size, size_t count, void* self);
  Result<void> PrepareHeaders();
  void PrepareTls(const TlsConfig& tls);
  void PrepareBody();
  Error ErrorOf(CURLcode code);

  EasyPtr easy_;
  HeaderListPtr headers_;
  Request request_;
  Response response_;
  size_t limit_bytes_ = 0;
  std::chrono::milliseconds connect_timeout_{};
  std::chrono::milliseconds request_timeout_{};
  size_t header_bytes_ = 0;
  std::string over_limit_;  // why a callback ended the transfer
  std::array<char, CURL_ERROR_SIZE> curl_message_{};
  std::function<void(Result<Response>)> done_;
};

}  // namespace shared::http
