#include <fmt/format.h>

#include <algorithm>

#include "shared/config/expand.h"
#include "shared/config/phrases.h"
#include "shared/config/reader.h"

// Reader's secrets: none of these messages may hold the value.
namespace shared::config {
namespace {

bool HasControlCharacter(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char byte) {
    return static_cast<unsigned char>(byte) < 0x20 || byte == 0x7f;
  });
}

}  // namespace

bool Reader::AcceptSecret(const Node& node, std::string value, shared::Secret& out) {
  if (value.empty()) {
    loading_.problems.Add(node.place, Path(node.key), "the secret is empty");
    return false;
  }
  if (HasControlCharacter(value)) {
    loading_.problems.Add(node.place, Path(node.key),
                          "the secret contains a line break or another control character");
    return false;
  }
  out = shared::Secret(std::move(value));
  return true;
}

bool Reader::ReadSecretNode(std::string_view key, const Node& node, shared::Secret& out) {
  if (node.kind != Node::Kind::kString) {
    // The value itself stays out of the message.
    loading_.problems.Add(node.place, Path(key),
                          fmt::format("expected a string, found {}", KindName(node.kind)),
                          "put it in quotes");
    return false;
  }
  Text text = ExpandNode(node, true);
  if (!text.ok || !AcceptSecret(node, std::move(text.value), out)) return false;
  Record(key, &node, "\"***\"", text.origins);
  return true;
}

bool Reader::ReadSecretTwin(std::string_view key, const Node& node, shared::Secret& out) {
  if (node.kind != Node::Kind::kString) {
    Mismatch(node, "the path of a file", "\"/etc/…\"");
    return false;
  }
  const Text path = ExpandNode(node, false);
  if (!path.ok) return false;
  Result<std::string> content = ReadSecretFile(path.value, loading_.environment());
  if (!content) {
    loading_.problems.Add(node.place, Path(node.key), content.error().message);
    return false;
  }
  if (!AcceptSecret(node, std::move(*content), out)) return false;
  Record(key, &node, "\"***\"", {fmt::format("file {}", path.value)});
  return true;
}

void Reader::Secret(std::string_view key, shared::Secret& out) {
  const std::string file_key = fmt::format("{}_file", key);
  const Node* node = Take(key);
  const Node* file = Take(file_key);
  if (node != nullptr && file != nullptr) {
    loading_.problems.Add(file->key_place, Path(file_key),
                          fmt::format("{} is set too, in {}:{}:{}", Path(key),
                                      loading_.problems.SourcePath(node->key_place.source),
                                      node->key_place.line, node->key_place.column),
                          "keep one of the two");
  } else if (file != nullptr) {
    ReadSecretTwin(key, *file, out);
  } else if (node != nullptr) {
    ReadSecretNode(key, *node, out);
  } else {
    Record(key, nullptr, out.empty() ? "\"\"" : "\"***\"");
  }
}

}  // namespace shared::config
