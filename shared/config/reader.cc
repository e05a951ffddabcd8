#include "shared/config/reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "shared/config/expand.h"
#include "shared/config/phrases.h"
#include "shared/text/edit_distance.h"

namespace shared::config {
namespace {

// The string that was meant by a value without quotes.
std::string QuotedScalar(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kInteger:
      return fmt::format("\"{}\"", node.integer);
    case Node::Kind::kBool:
      return fmt::format("\"{}\"", node.boolean);
    case Node::Kind::kFloat:
    case Node::Kind::kTime:
      return fmt::format("\"{}\"", node.text);
    default:
      return "\"…\"";
  }
}

bool MeansNo(std::string_view text) {
  return text == "false" || text == "no" || text == "off" || text == "0" || text == "False";
}

std::string QuotedStrings(const std::vector<std::string>& values) {
  std::string out = "[";
  for (const std::string& value : values) {
    if (out.size() > 1) out += ", ";
    out += QuoteToml(value);
  }
  return out + "]";
}

}  // namespace

std::string Reader::Text::Shown() const {
  return hidden ? "the value" : QuoteToml(value);
}

Reader::Reader(Loading& loading) : Reader(loading, &loading.root(), "", Place{0, 0, 0, 1}) {}

Reader::Reader(Loading& loading, const Node* table, std::string path, Place where)
    : loading_(loading), table_(table), path_(std::move(path)), where_(where) {}

std::string Reader::Path(std::string_view key) const {
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

const Node* Reader::Take(std::string_view key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.emplace_back(key);
  return table_ == nullptr ? nullptr : table_->Find(key);
}

bool Reader::Has(std::string_view key) const {
  return table_ != nullptr && table_->Find(key) != nullptr;
}

Place Reader::Where(std::string_view key) const {
  const Node* node = table_ == nullptr ? nullptr : table_->Find(key);
  return node == nullptr ? where_ : node->place;
}

void Reader::AddProblem(std::string_view key, std::string_view message, std::string_view fix) {
  loading_.problems.Add(Where(key), Path(key), message, fix);
}

void Reader::Mismatch(const Node& node, std::string_view expected, std::string_view example) {
  loading_.problems.Add(node.place, Path(node.key),
                        fmt::format("expected {}, found {}", expected, Found(node)),
                        fmt::format("write {} = {}", node.key, example));
}

void Reader::Record(std::string_view key, const Node* node, std::string value,
                    const std::vector<std::string>& origins) {
  std::string origin = node == nullptr ? "default" : loading_.Origin(node->place);
  for (const std::string& more : origins) origin += ", " + more;
  loading_.settings.Add(Path(key), std::move(value), std::move(origin));
}

Reader::Text Reader::ExpandNode(const Node& node, bool for_secret) {
  Text out;
  Result<Expanded> expanded = Expand(node.text, loading_.environment(), for_secret);
  if (!expanded) {
    loading_.problems.Add(node.place, Path(node.key), expanded.error().message);
    return out;
  }
  out.value = std::move(expanded->value);
  out.origins = std::move(expanded->origins);
  out.hidden = expanded->secret;
  out.ok = true;
  return out;
}

void Reader::String(std::string_view key, std::string& out, const StringRule& rule) {
  const Node* node = Take(key);
  if (node == nullptr) return Record(key, nullptr, QuoteToml(out));
  if (node->kind != Node::Kind::kString) return Mismatch(*node, "a string", QuotedScalar(*node));
  Text text = ExpandNode(*node, false);
  if (!text.ok) return;
  if (text.value.empty() && !rule.allow_empty) {
    return AddProblem(key, "must not be empty", "set it, or remove the line to get the default");
  }
  if (text.value.find('\0') != std::string::npos) {
    return AddProblem(key, "must not contain a NUL character");
  }
  if (rule.absolute_path && !text.value.empty() && !text.value.starts_with('/')) {
    return AddProblem(key, fmt::format("expected an absolute path, found {}", text.Shown()),
                      "begin it with /");
  }
  out = std::move(text.value);
  Record(key, node, text.hidden ? "\"***\"" : QuoteToml(out), text.origins);
}

void Reader::Strings(std::string_view key, std::vector<std::string>& out) {
  const Node* node = Take(key);
  if (node == nullptr) return Record(key, nullptr, QuotedStrings(out));
  if (node->kind != Node::Kind::kArray) {
    return Mismatch(*node, "a list of strings", "[\"…\", \"…\"]");
  }
  std::vector<std::string> values;
  std::vector<std::string> origins;
  bool hidden = false;
  bool ok = true;
  for (const Node& element : node->children) {
    if (element.kind != Node::Kind::kString) {
      loading_.problems.Add(element.place, Path(key),
                            fmt::format("expected a string in the list, found {}", Found(element)),
                            "put it in quotes");
      ok = false;
      continue;
    }
    Node named = element;
    named.key = node->key;
    Text text = ExpandNode(named, false);
    ok = ok && text.ok;
    hidden = hidden || text.hidden;
    origins.insert(origins.end(), text.origins.begin(), text.origins.end());
    values.push_back(std::move(text.value));
  }
  if (!ok) return;
  out = std::move(values);
  Record(key, node, hidden ? "[\"***\"]" : QuotedStrings(out), origins);
}

void Reader::StringMap(std::string_view key, std::map<std::string, std::string>& out) {
  const Node* node = Take(key);
  if (node == nullptr) return Record(key, nullptr, "{}");
  if (node->kind != Node::Kind::kTable) {
    return Mismatch(*node, "a table of names and strings", "{ name = \"value\" }");
  }
  Reader table(loading_, node, Path(key), node->key_place);
  std::map<std::string, std::string> values;
  for (const Node& child : node->children) {
    table.String(child.key, values[child.key], {.allow_empty = true});
  }
  out = std::move(values);
}

void Reader::Bool(std::string_view key, bool& out) {
  const Node* node = Take(key);
  if (node == nullptr) return Record(key, nullptr, out ? "true" : "false");
  if (node->kind == Node::Kind::kBool) {
    out = node->boolean;
    return Record(key, node, out ? "true" : "false");
  }
  if (node->kind != Node::Kind::kString || !HasReference(node->text)) {
    return Mismatch(*node, "true or false", MeansNo(node->text) ? "false" : "true");
  }
  const Text text = ExpandNode(*node, false);
  if (!text.ok) return;
  if (text.value != "true" && text.value != "false") {
    return AddProblem(key, "expected true or false behind the reference");
  }
  out = text.value == "true";
  Record(key, node, text.value, text.origins);
}

void Reader::Choice(std::string_view key, std::string& out,
                    std::span<const std::string_view> allowed) {
  const Node* node = Take(key);
  if (node == nullptr) return Record(key, nullptr, QuoteToml(out));
  if (node->kind != Node::Kind::kString)
    return Mismatch(*node, QuotedList(allowed), QuoteToml(out));
  Text text = ExpandNode(*node, false);
  if (!text.ok) return;
  if (std::find(allowed.begin(), allowed.end(), text.value) == allowed.end()) {
    const std::string_view near = text::DidYouMean(text.value, allowed);
    return AddProblem(key, fmt::format("expected {}, found {}", QuotedList(allowed), text.Shown()),
                      near.empty() ? "" : fmt::format("did you mean {}?", QuoteToml(near)));
  }
  out = std::move(text.value);
  Record(key, node, QuoteToml(out), text.origins);
}

Reader Reader::Section(std::string_view key) {
  const Node* node = Take(key);
  if (node != nullptr && node->kind != Node::Kind::kTable) {
    const bool list = node->IsArrayOfTables();
    loading_.problems.Add(node->key_place, Path(key),
                          list ? "this is one section, not a list of sections"
                               : fmt::format("expected a section, found {}", Found(*node)),
                          fmt::format("write [{}]", Path(key)));
    node = nullptr;
  }
  return Reader(loading_, node, Path(key), node == nullptr ? where_ : node->key_place);
}

std::vector<Reader> Reader::Sections(std::string_view key) {
  std::vector<Reader> out;
  const Node* node = Take(key);
  if (node == nullptr) {
    out.push_back(Reader(loading_, nullptr, fmt::format("{}[0]", Path(key)), where_));
    return out;
  }
  if (!node->IsArrayOfTables() && !(node->kind == Node::Kind::kArray && node->children.empty())) {
    loading_.problems.Add(node->key_place, Path(key),
                          node->kind == Node::Kind::kTable
                              ? "this is a list of sections, not one"
                              : fmt::format("expected a list of sections, found {}", Found(*node)),
                          fmt::format("write [[{}]], with two brackets", Path(key)));
    return out;
  }
  for (size_t i = 0; i < node->children.size(); ++i) {
    const Node& element = node->children[i];
    out.push_back(Reader(loading_, &element, fmt::format("{}[{}]", Path(key), i), element.place));
  }
  return out;
}

void Reader::RejectUnknownKeys() {
  if (table_ == nullptr) return;
  const std::vector<std::string_view> known(known_.begin(), known_.end());
  for (const Node& child : table_->children) {
    if (std::find(known.begin(), known.end(), child.key) != known.end()) continue;
    const std::string_view near = text::DidYouMean(child.key, known);
    std::string fix = "known here:";
    for (const std::string_view name : known) fix += fmt::format(" {}", name);
    loading_.problems.Add(
        child.key_place, "",
        near.empty() ? fmt::format("unknown key '{}'", Path(child.key))
                     : fmt::format("unknown key '{}'; did you mean '{}'?", Path(child.key), near),
        near.empty() ? fix : "");
  }
}

}  // namespace shared::config
