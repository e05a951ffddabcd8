#include "shared/config/node.h"

#include <algorithm>

namespace shared::config {

const Node* Node::Find(std::string_view name) const {
  for (const Node& child : children) {
    if (child.key == name) return &child;
  }
  return nullptr;
}

Node* Node::Find(std::string_view name) {
  for (Node& child : children) {
    if (child.key == name) return &child;
  }
  return nullptr;
}

bool Node::IsArrayOfTables() const {
  return kind == Kind::kArray && !children.empty() &&
         std::all_of(children.begin(), children.end(),
                     [](const Node& child) { return child.kind == Kind::kTable; });
}

std::string_view KindName(Node::Kind kind) {
  switch (kind) {
    case Node::Kind::kTable:
      return "a table";
    case Node::Kind::kArray:
      return "a list";
    case Node::Kind::kString:
      return "a string";
    case Node::Kind::kInteger:
      return "an integer";
    case Node::Kind::kFloat:
      return "a number with a fraction";
    case Node::Kind::kBool:
      return "a boolean";
    case Node::Kind::kTime:
      return "a date or time";
  }
  return "a value";
}

}  // namespace shared::config
