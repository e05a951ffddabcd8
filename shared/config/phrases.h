#pragma once

#include <span>
#include <string>
#include <string_view>

#include "shared/config/node.h"

// Parts of messages that the reader's sources share.
namespace shared::config {

// "a", "b" or "c"
std::string QuotedList(std::span<const std::string_view> words);
// What a value of the wrong type looks like: "a string", "the integer 10".
std::string Found(const Node& node);

}  // namespace shared::config
