#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace shared::config {

// Where something stands in a configuration file. Lines and columns count from 1, columns in
// characters; line 0: the file as a whole.
struct Place {
  size_t source = 0;  // index that Problems::AddSource gave
  uint32_t line = 0;
  uint32_t column = 0;
  uint32_t width = 1;  // characters of that line which are meant
};

// One value of a TOML document, with its place: what the TOML library's tree becomes, so that the
// library is known in parse_toml.cc only.
struct Node {
  enum class Kind { kTable, kArray, kString, kInteger, kFloat, kBool, kTime };

  Kind kind = Kind::kTable;
  Place place;      // of the value; of a table: its header
  Place key_place;  // of the key; of an array's element: as `place`
  std::string key;  // "" for elements and the root

  std::string text;  // kString: the value; kFloat and kTime: as TOML writes it
  int64_t integer = 0;
  bool boolean = false;
  std::vector<Node> children;  // kTable: in the file's order, each key once; kArray: the elements

  // The child of a table with this key; null when there is none.
  [[nodiscard]] const Node* Find(std::string_view name) const;
  [[nodiscard]] Node* Find(std::string_view name);
  // Whether this is what [[name]] makes: an array with elements that are all tables.
  [[nodiscard]] bool IsArrayOfTables() const;
};

// "a string", "an integer", … with the article, for messages.
std::string_view KindName(Node::Kind kind);

}  // namespace shared::config
