#include "collector/storage/logs/log_template.h"

#include <algorithm>

#include "shared/wire/checksum.h"

namespace collector::storage {
namespace {

constexpr std::string_view kHole = "<*>";
constexpr std::string_view kTail = "<**>";
constexpr uint64_t kHashSeed = 0x6c6f'675f'7061'7474;  // "log_patt"

}  // namespace

std::string LogTemplate::Text() const {
  std::string out = gaps.front();
  for (size_t i = 0; i < words.size(); ++i) {
    out += words[i] ? std::string_view(*words[i]) : kHole;
    out += gaps[i + 1];
  }
  if (tail) out += kTail;
  return out;
}

size_t LogTemplate::holes() const {
  return static_cast<size_t>(std::count(words.begin(), words.end(), std::nullopt));
}

bool LogTemplate::Matches(std::string_view body, BodyWords& found) const {
  SplitBody(body, found);
  if (found.words.size() != words.size() || tail != (found.head < body.size())) return false;
  size_t at = 0;
  for (size_t i = 0; i < words.size(); ++i) {
    const Word& word = found.words[i];
    if (body.substr(at, word.begin - at) != gaps[i]) return false;
    if (words[i] && body.substr(word.begin, word.end - word.begin) != *words[i]) return false;
    at = word.end;
  }
  return body.substr(at, found.head - at) == gaps.back();
}

bool LogTemplate::CanMatchWith(const LogTemplate& other) const {
  if (tail != other.tail || gaps != other.gaps) return false;
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] && other.words[i] && *words[i] != *other.words[i]) return false;
  }
  return true;
}

LogTemplate TemplateOf(std::string_view body, const BodyWords& found) {
  LogTemplate out;
  size_t at = 0;
  for (const Word& word : found.words) {
    out.gaps.emplace_back(body.substr(at, word.begin - at));
    if (word.variable) {
      out.words.emplace_back();
    } else {
      out.words.emplace_back(body.substr(word.begin, word.end - word.begin));
    }
    at = word.end;
  }
  out.gaps.emplace_back(body.substr(at, found.head - at));
  out.tail = found.head < body.size();
  return out;
}

std::optional<LogTemplate> ParseTemplate(std::string_view text) {
  LogTemplate out;
  if (text.ends_with(kTail)) {
    out.tail = true;
    text.remove_suffix(kTail.size());
  }
  std::string gap;
  while (!text.empty()) {
    size_t length = 0;
    if (text.starts_with("<*")) {
      if (!text.starts_with(kHole)) return std::nullopt;
      out.words.emplace_back();
      length = kHole.size();
    } else {
      while (length < text.size() && IsWordByte(text[length])) ++length;
      if (length == 0) {
        gap.push_back(text.front());
        text.remove_prefix(1);
        continue;
      }
      out.words.emplace_back(text.substr(0, length));
    }
    // Two words with nothing between them are no words.
    if (gap.empty() && !out.gaps.empty()) return std::nullopt;
    out.gaps.push_back(std::move(gap));
    gap.clear();
    text.remove_prefix(length);
  }
  out.gaps.push_back(std::move(gap));
  return out;
}

uint64_t TemplateHash(std::string_view source, std::string_view text) {
  std::string both(source);
  both.push_back('\0');
  both += text;
  return shared::wire::Checksum(both, kHashSeed);
}

}  // namespace collector::storage
