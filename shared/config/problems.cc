#include "shared/config/problems.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "shared/text/json.h"
#include "shared/text/utf8.h"

namespace shared::config {
namespace {

std::string_view NthLine(std::string_view text, uint32_t number) {
  for (uint32_t line = 1; line < number; ++line) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  text = text.substr(0, text.find('\n'));
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

bool IsWordByte(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
         (byte >= '0' && byte <= '9') || byte == '_' || byte == '-' || byte == '"' || byte == '\'';
}

// Generous, for a misspelt "pasword" must not show its value either.
bool SoundsSecret(std::string_view key) {
  if (key.ends_with("_file")) return false;
  constexpr std::array<std::string_view, 6> kParts = {"pas",    "pwd",   "key",
                                                      "secret", "token", "cred"};
  std::string lower(key);
  for (char& byte : lower) {
    if (byte >= 'A' && byte <= 'Z') byte = static_cast<char>(byte - 'A' + 'a');
  }
  return std::any_of(kParts.begin(), kParts.end(),
                     [&](std::string_view part) { return lower.find(part) != std::string::npos; });
}

// The word before position `end`, as in "password =" and "password:".
std::string_view WordBefore(std::string_view line, size_t end) {
  while (end > 0 && line[end - 1] == ' ') end -= 1;
  size_t start = end;
  while (start > 0 && IsWordByte(line[start - 1])) start -= 1;
  return line.substr(start, end - start);
}

void MaskSecretValue(std::string& line) {
  for (size_t i = 0; i < line.size(); ++i) {
    if ((line[i] == '=' || line[i] == ':') && SoundsSecret(WordBefore(line, i))) {
      line.resize(i + 1);
      line += " ***";
      return;
    }
  }
}

void MaskUrlUser(std::string& line) {
  for (size_t start = line.find("://"); start != std::string::npos;
       start = line.find("://", start + 3)) {
    const size_t end = line.find_first_of("/\"' ", start + 3);
    const size_t at = line.substr(0, end).rfind('@');
    if (at != std::string::npos && at > start) line.replace(start + 3, at - start - 3, "***");
  }
}

size_t CountCharacters(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char byte) {
    return (static_cast<unsigned char>(byte) & 0xc0) != 0x80;
  }));
}

// What brings the caret under the column: spaces, and tabs where the line has tabs.
std::string Padding(std::string_view line, uint32_t column) {
  std::string out;
  for (size_t i = 0; i < line.size() && CountCharacters(out) + 1 < column; ++i) {
    if ((static_cast<unsigned char>(line[i]) & 0xc0) == 0x80) continue;
    out.push_back(line[i] == '\t' ? '\t' : ' ');
  }
  return out;
}

void AppendProblem(const Problem& problem, std::string& out) {
  out += problem.file;
  if (problem.line != 0) out += fmt::format(":{}:{}", problem.line, problem.column);
  out += ": ";
  if (!problem.key.empty()) out += problem.key + ": ";
  out += problem.message + "\n";
  if (problem.line != 0) {
    const std::string padding = Padding(problem.source_line, problem.column);
    const size_t room = CountCharacters(problem.source_line) -
                        std::min(CountCharacters(problem.source_line), padding.size());
    const size_t width = std::clamp<size_t>(problem.width, 1, std::max<size_t>(room, 1));
    out += fmt::format("{:>6} | {}\n", problem.line, problem.source_line);
    out += fmt::format("       | {}^{}\n", padding, std::string(width - 1, '~'));
  }
  if (!problem.fix.empty()) out += fmt::format("       = {}\n", problem.fix);
}

void AppendJsonMember(std::string_view name, std::string_view value, std::string& out) {
  text::AppendJsonString(name, out);
  out.push_back(':');
  text::AppendJsonString(value, out);
}

}  // namespace

std::string MaskLine(std::string_view line) {
  std::string out = text::CleanUtf8(line);
  for (char& byte : out) {
    const auto code = static_cast<unsigned char>(byte);
    if ((code < 0x20 && byte != '\t') || code == 0x7f) byte = '?';
  }
  MaskSecretValue(out);
  MaskUrlUser(out);
  return out;
}

size_t Problems::AddSource(std::string path, std::string text) {
  sources_.push_back(Source{std::move(path), std::move(text)});
  return sources_.size() - 1;
}

void Problems::Add(const Place& place, std::string_view key, std::string_view message,
                   std::string_view fix) {
  Problem problem;
  problem.file = sources_[place.source].path;
  problem.line = place.line;
  problem.column = place.column;
  problem.width = place.width;
  problem.key = key;
  problem.message = message;
  problem.fix = fix;
  if (place.line != 0) {
    problem.source_line = MaskLine(NthLine(sources_[place.source].text, place.line));
  }
  problems_.push_back(Entry{place.source, std::move(problem)});
}

std::vector<Problem> Problems::Sorted() const {
  std::vector<Entry> entries = problems_;
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& one, const Entry& other) {
    return std::tie(one.source, one.problem.line, one.problem.column) <
           std::tie(other.source, other.problem.line, other.problem.column);
  });
  std::vector<Problem> out;
  out.reserve(entries.size());
  for (Entry& entry : entries) out.push_back(std::move(entry.problem));
  return out;
}

std::string Problems::ToText() const {
  std::string out;
  for (const Problem& problem : Sorted()) AppendProblem(problem, out);
  return out;
}

std::string Problems::ToJson() const {
  std::string out = "[";
  for (const Problem& problem : Sorted()) {
    if (out.size() > 1) out.push_back(',');
    out.push_back('{');
    AppendJsonMember("file", problem.file, out);
    out += fmt::format(",\"line\":{},\"column\":{},", problem.line, problem.column);
    AppendJsonMember("key", problem.key, out);
    out.push_back(',');
    AppendJsonMember("message", problem.message, out);
    out.push_back(',');
    AppendJsonMember("fix", problem.fix, out);
    out.push_back('}');
  }
  out.push_back(']');
  return out;
}

}  // namespace shared::config
