#pragma once

#include <span>
#include <string_view>

namespace shared::text {

// Insertions, deletions, replacements and swaps of neighbours that make one word the other.
size_t EditDistance(std::string_view one, std::string_view other);

// The candidate nearest to a misspelt word, at most two edits away (one for words of up to four
// letters); "" when none is.
std::string_view DidYouMean(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace shared::text
