#include "shared/config/parse_toml.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "shared/text/cursor.h"
#include "shared/text/utf8.h"

// toml++ 3.3 asserts (in debug builds) or assumes (in others) that a header begins with a key,
// which
// "[.]" breaks; the lines behind the assertion report it properly. So its assertions are off.
#undef NDEBUG
#define TOML_ASSERT(expr) static_assert(true)
#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

namespace shared::config {
namespace {

// The library's tree is destroyed by recursion; short lines keep `a.a.a.a…` from going deep.
constexpr size_t kLineLimit = 8192;
constexpr int kSyntaxErrorLimit = 100;

Place ToPlace(const toml::source_region& region, size_t source) {
  Place place;
  place.source = source;
  place.line = static_cast<uint32_t>(region.begin.line);
  place.column = static_cast<uint32_t>(region.begin.column);
  if (region.end.line == region.begin.line && region.end.column > region.begin.column) {
    place.width = static_cast<uint32_t>(region.end.column - region.begin.column);
  }
  return place;
}

template <typename T>
std::string PrintDateTime(const T& value) {
  const auto date = [](const toml::date& day) {
    return fmt::format("{:04}-{:02}-{:02}", day.year, day.month, day.day);
  };
  const auto time = [](const toml::time& clock) {
    return fmt::format("{:02}:{:02}:{:02}", clock.hour, clock.minute, clock.second);
  };
  if constexpr (std::is_same_v<T, toml::date>) {
    return date(value);
  } else if constexpr (std::is_same_v<T, toml::time>) {
    return time(value);
  } else {
    return date(value.date) + "T" + time(value.time);
  }
}

bool IsEarlier(const Place& one, const Place& other) {
  return std::pair(one.line, one.column) < std::pair(other.line, other.column);
}

Node Convert(const toml::node& from, size_t source);

void ConvertTable(const toml::table& table, size_t source, Node& out) {
  out.kind = Node::Kind::kTable;
  for (const auto& [key, value] : table) {
    Node child = Convert(value, source);
    child.key = std::string(key.str());
    child.key_place = ToPlace(key.source(), source);
    out.children.push_back(std::move(child));
  }
  std::stable_sort(
      out.children.begin(), out.children.end(),
      [](const Node& one, const Node& other) { return IsEarlier(one.key_place, other.key_place); });
}

Node Convert(const toml::node& from, size_t source) {
  Node out;
  out.place = ToPlace(from.source(), source);
  out.key_place = out.place;
  if (const toml::table* table = from.as_table()) {
    ConvertTable(*table, source, out);
  } else if (const toml::array* array = from.as_array()) {
    out.kind = Node::Kind::kArray;
    for (const toml::node& element : *array) out.children.push_back(Convert(element, source));
  } else if (const auto* text = from.as_string()) {
    out.kind = Node::Kind::kString;
    out.text = text->get();
  } else if (const auto* integer = from.as_integer()) {
    out.kind = Node::Kind::kInteger;
    out.integer = integer->get();
  } else if (const auto* real = from.as_floating_point()) {
    out.kind = Node::Kind::kFloat;
    out.text = fmt::format("{}", real->get());
  } else if (const auto* boolean = from.as_boolean()) {
    out.kind = Node::Kind::kBool;
    out.boolean = boolean->get();
  } else {
    out.kind = Node::Kind::kTime;
    if (const auto* date = from.as_date()) out.text = PrintDateTime(date->get());
    if (const auto* time = from.as_time()) out.text = PrintDateTime(time->get());
    if (const auto* both = from.as_date_time()) out.text = PrintDateTime(both->get());
  }
  return out;
}

std::string_view Trim(std::string_view text) {
  const size_t start = text.find_first_not_of(" \t\r");
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find_last_not_of(" \t\r") - start + 1);
}

// What most people meant by a line that is no TOML.
std::string_view FixFor(std::string_view line, size_t column, std::string_view description) {
  if (description.find("cannot redefine") != std::string_view::npos) {
    return "a key may be set once; keep one of the two";
  }
  const bool in_key = column <= line.find('=');
  line = Trim(line);
  if (line.starts_with('[')) {
    return "a section is [name], one of a list [[name]], alone on its line";
  }
  const size_t equals = line.find('=');
  if (equals == std::string_view::npos) {
    if (line.find(':') != std::string_view::npos) return "write key = value, with an equals sign";
    return "write key = value, or # before a comment";
  }
  if (in_key) return "a key is made of a-z, A-Z, 0-9, '_' and '-'; put quotes around any other";
  const std::string_view value = Trim(line.substr(equals + 1));
  if (value.empty()) return "write a value after the equals sign";
  if (value.starts_with('"') || value.starts_with('\'') || value.starts_with('[') ||
      value.starts_with('{')) {
    return "each quote and bracket needs its partner; a \\ in double quotes is written \\\\";
  }
  if (value == "yes" || value == "no" || value == "on" || value == "off" || value == "True" ||
      value == "False") {
    return "a boolean is true or false";
  }
  return "put quotes around a text, a duration or a size: key = \"value\"";
}

// Byte range of a line, without its '\n'.
std::pair<size_t, size_t> LineRange(std::string_view text, size_t number) {
  size_t start = 0;
  for (size_t line = 1; line < number; ++line) {
    const size_t end = text.find('\n', start);
    if (end == std::string_view::npos) return {text.size(), text.size()};
    start = end + 1;
  }
  return {start, std::min(text.find('\n', start), text.size())};
}

bool LooksLikeStart(std::string_view line) {
  line = Trim(line);
  return line.starts_with('[') || line.find('=') != std::string_view::npos;
}

// Blanks a line, and when it is a section's header the section too, up to the next header. False:
// there was nothing left to blank. `last` becomes the last line that was blanked.
bool Blank(std::string& text, size_t line, size_t& last) {
  auto [start, end] = LineRange(text, line);
  if (Trim(std::string_view(text).substr(start, end - start)).empty()) return false;
  const bool section = Trim(std::string_view(text).substr(start, end - start)).starts_with('[');
  std::fill(text.begin() + static_cast<std::ptrdiff_t>(start),
            text.begin() + static_cast<std::ptrdiff_t>(end), ' ');
  last = line;
  while (section && end < text.size()) {
    start = end + 1;
    end = std::min(text.find('\n', start), text.size());
    if (Trim(std::string_view(text).substr(start, end - start)).starts_with('[')) break;
    std::fill(text.begin() + static_cast<std::ptrdiff_t>(start),
              text.begin() + static_cast<std::ptrdiff_t>(end), ' ');
    last += 1;
  }
  return true;
}

// The library's words, made shorter: "Error while parsing value: …".
std::string Describe(std::string_view line, size_t column, std::string_view description) {
  if (column > line.size() && description.find("control characters") != std::string_view::npos) {
    return "syntax error: the closing quote is missing";
  }
  if (const size_t colon = description.find(": "); colon != std::string_view::npos) {
    description.remove_prefix(colon + 2);
  }
  return text::CleanUtf8(fmt::format("syntax error: {}", description));
}

// Whether a line is too long for the parser; reported.
bool HasLongLine(std::string_view text, size_t source, Problems& problems) {
  bool found = false;
  for (text::LineCursor lines(text); lines.Next();) {
    if (lines.line().size() <= kLineLimit) continue;
    Place place;
    place.source = source;
    problems.Add(place, "",
                 fmt::format("line {} is longer than {} bytes", lines.number(), kLineLimit));
    found = true;
  }
  return found;
}

}  // namespace

ParsedToml ParseToml(std::string_view text, size_t source, Problems& problems) {
  ParsedToml out;
  if (HasLongLine(text, source, problems)) {
    out.complete = false;
    return out;
  }
  std::string rest(text);
  size_t last_blank = 0;
  for (int round = 0; round < kSyntaxErrorLimit; ++round) {
    const toml::parse_result result = toml::parse(std::string_view(rest));
    if (result.succeeded()) {
      ConvertTable(result.table(), source, out.root);
      out.root.place = Place{source, 0, 0, 1};
      return out;
    }
    out.complete = false;
    const toml::source_region& region = result.error().source();
    const Place place = ToPlace(region, source);
    const auto [start, end] = LineRange(rest, place.line);
    const std::string_view line = std::string_view(rest).substr(start, end - start);
    const std::string_view description = result.error().description();
    // The rest of a value whose first line was just blanked says nothing new.
    const bool follows = round > 0 && place.line == last_blank + 1 && !LooksLikeStart(line);
    if (!follows) {
      problems.Add(place, "", Describe(line, place.column, description),
                   FixFor(line, place.column, description));
    }
    if (!Blank(rest, place.line, last_blank)) return out;
  }
  return out;
}

}  // namespace shared::config
