#include <cstddef>
#include <cstdint>

#include "shared/base/check.h"
#include "shared/http/redact_url.h"
#include "shared/http/retry_after.h"

// What a peer or a configuration puts into a Retry-After header or a URL.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const shared::WallTime now = shared::FromUnixNanos(1'767'225'600'000'000'000);
  const int64_t wait = shared::http::ParseRetryAfter(text, now).count();
  CHECK(wait >= -1 && wait <= 86'400);
  const std::string url = shared::http::RedactUrl(text);
  CHECK(url.size() <= text.size() + 3);  // "?" may become "?***"
  const size_t query = url.find('?');
  CHECK(query == std::string::npos || url.substr(query) == "?***");
  return 0;
}
