#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

// How a message is cut into words: by mining, by the bloom filters and by search alike, for what
// one of them calls a word must be a word to the others. Pure. Part of the stored format: a change
// needs a new format of pgvigil.log_segment.
namespace collector::storage {

// Letters, digits, '_', and every byte of a character beyond ASCII. A word is a longest run of
// them.
[[nodiscard]] constexpr bool IsWordByte(char byte) {
  const auto code = static_cast<unsigned char>(byte);
  return (code >= 'a' && code <= 'z') || (code >= 'A' && code <= 'Z') ||
         (code >= '0' && code <= '9') || code == '_' || code >= 0x80;
}

struct Word {
  uint32_t begin = 0;
  uint32_t end = 0;
  // Surely a value: it has a digit, follows '=', stands in double quotes, or is longer than 64
  // bytes.
  bool variable = false;
};

// "duration: 1.25 ms  statement: SELECT $1" is the head "duration: 1.25 ms  statement: " and the
// tail "SELECT $1". A tail is text without form of its own. It begins
//   after "statement: ", "execute NAME: ", "parse NAME: " and "bind NAME: ",
//   before a control character other than tab (the second line of a message),
//   after the 64th word,
//   at 0 when the head would hold "<*", which templates mean otherwise.
// No word crosses from head to tail.
struct BodyWords {
  std::vector<Word> words;  // of the head
  size_t head = 0;          // its length
};
void SplitBody(std::string_view body, BodyWords& out);

// Many messages, cut once. The messages must outlive it.
class SplitBodies {
 public:
  void Add(std::string_view body, const BodyWords& words) {
    words_.insert(words_.end(), words.words.begin(), words.words.end());
    bodies_.push_back({body, words_.size(), words.head});
  }
  void Clear() {
    bodies_.clear();
    words_.clear();
  }

  [[nodiscard]] size_t size() const { return bodies_.size(); }
  [[nodiscard]] std::string_view body(size_t i) const { return bodies_[i].text; }
  [[nodiscard]] std::string_view tail(size_t i) const {
    return bodies_[i].text.substr(bodies_[i].head);
  }
  // A word of the head.
  [[nodiscard]] std::string_view word(size_t i, size_t number) const {
    const Word& word = words_[WordsBegin(i) + number];
    return bodies_[i].text.substr(word.begin, word.end - word.begin);
  }

 private:
  struct Body {
    std::string_view text;
    size_t words_end = 0;
    size_t head = 0;
  };
  [[nodiscard]] size_t WordsBegin(size_t i) const { return i == 0 ? 0 : bodies_[i - 1].words_end; }

  std::vector<Body> bodies_;
  std::vector<Word> words_;  // of all
};

// Calls `take(word)` for every word of `text`.
template <typename Take>
void ForEachWord(std::string_view text, Take take) {
  for (size_t at = 0; at < text.size();) {
    if (!IsWordByte(text[at])) {
      ++at;
      continue;
    }
    size_t end = at + 1;
    while (end < text.size() && IsWordByte(text[end])) ++end;
    take(text.substr(at, end - at));
    at = end;
  }
}

}  // namespace collector::storage
