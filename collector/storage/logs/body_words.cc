#include "collector/storage/logs/body_words.h"

namespace collector::storage {
namespace {

constexpr size_t kMostWords = 64;
constexpr size_t kLongestConstant = 64;

bool EndsHead(char byte) {
  return static_cast<unsigned char>(byte) < 0x20 && byte != '\t';
}

bool HasDigit(std::string_view word) {
  for (const char byte : word) {
    if (byte >= '0' && byte <= '9') return true;
  }
  return false;
}

// After these words, at the next ": ", comes SQL.
bool OpensStatement(std::string_view word) {
  return word == "statement" || word == "execute" || word == "parse" || word == "bind";
}

}  // namespace

void SplitBody(std::string_view body, BodyWords& out) {
  out.words.clear();
  bool quoted = false;
  bool statement_opens = false;
  size_t at = 0;
  for (; at < body.size(); ++at) {
    const char byte = body[at];
    if (IsWordByte(byte)) {
      size_t end = at + 1;
      while (end < body.size() && IsWordByte(body[end])) ++end;
      const std::string_view word = body.substr(at, end - at);
      const bool value = at > 0 && body[at - 1] == '=';
      out.words.push_back({static_cast<uint32_t>(at), static_cast<uint32_t>(end),
                           quoted || value || word.size() > kLongestConstant || HasDigit(word)});
      statement_opens = statement_opens || OpensStatement(word);
      at = end - 1;
      if (out.words.size() < kMostWords) continue;
      at = end;
      break;
    }
    if (EndsHead(byte)) break;
    if (byte == '"') quoted = !quoted;
    if (byte == '<' && body.substr(at).starts_with("<*")) {
      out.words.clear();
      at = 0;
      break;
    }
    if (statement_opens && byte == ':' && body.substr(at).starts_with(": ")) {
      at += 2;
      break;
    }
  }
  out.head = at;
}

}  // namespace collector::storage
