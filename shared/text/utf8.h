#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace shared::text {

// Whether `bytes` are valid UTF-8 (no overlong forms, no surrogates, up to U+10FFFF) without NUL:
// what PostgreSQL's text and protobuf's string take.
bool IsCleanUtf8(std::string_view bytes);

// Appends `bytes` to `out`, each invalid byte and each NUL replaced by U+FFFD. True: something was
// replaced.
bool AppendCleanUtf8(std::string_view bytes, std::string& out);
std::string CleanUtf8(std::string_view bytes);

// The longest beginning of valid UTF-8 `text` of at most `limit` bytes that cuts no character.
std::string_view TruncateUtf8(std::string_view text, size_t limit);

}  // namespace shared::text
