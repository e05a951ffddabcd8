#pragma once

#include <string>
#include <string_view>

#include "shared/base/result.h"
#include "shared/base/secret.h"

// What an API key looks like, 64 characters:
//
//   pgv_k3x9m2q7bw_<43 characters><6 characters>
//   |   |          |               check: CRC-32 (IEEE) of all before it, in base 62
//   |   |          secret: 256 random bits, 0-9 A-Z a-z
//   |   id: 10 random characters, 0-9 a-z; no secret, names the key in lists and logs
//   prefix: so that scanners of repositories and logs find keys
//
// The check tells a mistyped key, and for scanners a real one, without asking the collector. The
// database holds the SHA-256 of all 64 characters: with that many random bits a slow hash would
// protect nothing more, and it would be computed for every request.
namespace collector::access {

inline constexpr size_t kKeyIdSize = 10;
inline constexpr size_t kKeySize = 64;

struct NewKey {
  std::string id;
  shared::Secret text;  // shown once
  std::string hash;     // 32 bytes: what is stored
};

// From the kernel's random numbers. Fails only when there are none.
shared::Result<NewKey> MakeKey();

// A key that a request shows, sound in itself.
struct ShownKey {
  std::string id;
  shared::Secret text;
};

// kMalformed, without the text: "not an API key of pgvigil: …".
shared::Result<ShownKey> ParseKey(std::string_view text);

// 0-9 a-z, ten of them; for what people type after `keys revoke`.
bool IsKeyId(std::string_view text);

// SHA-256, 32 bytes.
std::string HashKey(const shared::Secret& text);
// Takes the same time wherever they differ.
bool SameHash(std::string_view one, std::string_view other);

}  // namespace collector::access
