#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace shared::text {

// Two lower-case digits a byte.
std::string ToHex(std::string_view bytes);
// Back; either case. nullopt: an odd count or another character.
std::optional<std::string> FromHex(std::string_view digits);

// 16 bytes as "01234567-89ab-cdef-0123-456789abcdef", and back (dashes optional).
std::string ToUuid(std::string_view bytes);
std::optional<std::string> FromUuid(std::string_view text);

}  // namespace shared::text
