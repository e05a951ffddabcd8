#include "collector/access/credential.h"

#include <algorithm>
#include <string_view>

namespace collector::access {
namespace {

using shared::ErrorCode;
using shared::Fail;
using shared::Result;

constexpr std::string_view kBearer = "bearer";

std::string_view Trim(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

bool IsBearer(std::string_view scheme) {
  return std::equal(scheme.begin(), scheme.end(), kBearer.begin(), kBearer.end(),
                    [](char letter, char expected) {
                      return letter == expected || letter == expected - 'a' + 'A';
                    });
}

Result<ShownKey> ReadAuthorization(std::string_view value) {
  value = Trim(value);
  const size_t space = value.find(' ');
  if (!IsBearer(value.substr(0, space))) {
    return Fail(ErrorCode::kMalformed, "Authorization: expected 'Bearer' and an API key");
  }
  Result<ShownKey> key = ParseKey(space == std::string_view::npos ? "" : Trim(value.substr(space)));
  if (!key) return tl::make_unexpected(std::move(key).error().With("Authorization"));
  return key;
}

}  // namespace

Result<std::optional<ShownKey>> ReadCredential(const std::string* authorization,
                                               const std::string* api_key) {
  std::optional<ShownKey> shown;
  if (authorization != nullptr) {
    ASSIGN_OR_RETURN(shown, ReadAuthorization(*authorization));
  }
  if (api_key != nullptr) {
    Result<ShownKey> other = ParseKey(Trim(*api_key));
    if (!other) return tl::make_unexpected(std::move(other).error().With("X-API-Key"));
    if (shown && !(shown->text == other->text)) {
      return Fail(ErrorCode::kMalformed, "Authorization and X-API-Key show different keys");
    }
    shown = std::move(*other);
  }
  return shown;
}

}  // namespace collector::access
