#include "collector/access/key_text.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <span>

#include "shared/base/check.h"

namespace collector::access {
namespace {

using shared::ErrorCode;
using shared::Fail;
using shared::Result;

constexpr std::string_view kPrefix = "pgv_";
constexpr size_t kSecretSize = 43;
constexpr size_t kCheckSize = 6;
constexpr size_t kCheckBegin = kKeySize - kCheckSize;
static_assert(kPrefix.size() + kKeyIdSize + 1 + kSecretSize + kCheckSize == kKeySize);

constexpr std::string_view kBase62 =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kBase36 = "0123456789abcdefghijklmnopqrstuvwxyz";

bool AllOf(std::string_view text, std::string_view alphabet) {
  return text.find_first_not_of(alphabet) == std::string_view::npos;
}

uint32_t Crc32(std::string_view text) {
  uint32_t crc = 0xffff'ffff;
  for (const char byte : text) {
    crc ^= static_cast<uint8_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb8'8320u : 0u);
  }
  return ~crc;
}

std::string CheckOf(std::string_view text) {
  std::string out(kCheckSize, kBase62[0]);
  size_t rest = Crc32(text);
  for (size_t i = kCheckSize; i-- > 0; rest /= kBase62.size()) {
    out[i] = kBase62[rest % kBase62.size()];
  }
  return out;
}

// Appends `count` characters of `alphabet`, each as likely as any other: bytes that would favour
// the first ones are thrown away.
Result<void> AppendRandom(std::string_view alphabet, size_t count, std::string& out) {
  const size_t fair = 256 / alphabet.size() * alphabet.size();
  std::array<uint8_t, 64> bytes{};
  while (count > 0) {
    if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
      return shared::FailErrno(errno, "getrandom");
    }
    for (const uint8_t byte : bytes) {
      if (byte >= fair || count == 0) continue;
      out.push_back(alphabet[byte % alphabet.size()]);
      count -= 1;
    }
  }
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return {};
}

}  // namespace

Result<NewKey> MakeKey() {
  NewKey key;
  RETURN_IF_ERROR(AppendRandom(kBase36, kKeyIdSize, key.id));
  std::string text = fmt::format("{}{}_", kPrefix, key.id);
  RETURN_IF_ERROR(AppendRandom(kBase62, kSecretSize, text));
  text += CheckOf(text);
  key.text = shared::Secret(std::move(text));
  key.hash = HashKey(key.text);
  return key;
}

Result<ShownKey> ParseKey(std::string_view text) {
  if (!text.starts_with(kPrefix)) {
    return Fail(ErrorCode::kMalformed, "not an API key of pgvigil: it must begin with {}", kPrefix);
  }
  if (text.size() != kKeySize) {
    return Fail(ErrorCode::kMalformed, "not an API key of pgvigil: {} characters, expected {}",
                text.size(), kKeySize);
  }
  const std::string_view id = text.substr(kPrefix.size(), kKeyIdSize);
  const size_t secret_begin = kPrefix.size() + kKeyIdSize + 1;
  if (!IsKeyId(id) || text[secret_begin - 1] != '_' || !AllOf(text.substr(secret_begin), kBase62) ||
      CheckOf(text.substr(0, kCheckBegin)) != text.substr(kCheckBegin)) {
    return Fail(ErrorCode::kMalformed,
                "not an API key of pgvigil: it was mistyped, its last {} characters do not fit the "
                "others",
                kCheckSize);
  }
  return ShownKey{std::string(id), shared::Secret(std::string(text))};
}

bool IsKeyId(std::string_view text) {
  return text.size() == kKeyIdSize && AllOf(text, kBase36);
}

std::string HashKey(const shared::Secret& text) {
  std::array<uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  CHECK(EVP_Digest(text.Reveal().data(), text.Reveal().size(), digest.data(), &size, EVP_sha256(),
                   nullptr) == 1);
  return {digest.begin(), digest.begin() + size};
}

bool SameHash(std::string_view one, std::string_view other) {
  return one.size() == other.size() && CRYPTO_memcmp(one.data(), other.data(), one.size()) == 0;
}

}  // namespace collector::access
