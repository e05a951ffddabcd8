#include "shared/config/phrases.h"

#include <fmt/format.h>

#include "shared/config/settings.h"

namespace shared::config {

std::string QuotedList(std::span<const std::string_view> words) {
  std::string out;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += i + 1 == words.size() ? " or " : ", ";
    out += QuoteToml(words[i]);
  }
  return out;
}

std::string Found(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kString:
      return "a string";
    case Node::Kind::kInteger:
      return fmt::format("the integer {}", node.integer);
    case Node::Kind::kFloat:
      return fmt::format("the number {}", node.text);
    case Node::Kind::kBool:
      return fmt::format("the boolean {}", node.boolean);
    default:
      return std::string(KindName(node.kind));
  }
}

}  // namespace shared::config
