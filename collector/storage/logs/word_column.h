#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "collector/storage/logs/number_column.h"
#include "collector/storage/logs/section_bytes.h"
#include "shared/wire/byte_reader.h"

// The words that stand in one hole of a template, in the order of its lines. The reader knows how
// many there are. text is varint length and bytes, numbers are a NumberColumn:
//
//   byte kind; + 128: all words begin and end alike, and kind is about what is between
//   text, text    if + 128: the beginning, the end
//   kind 0        text: each word and '\n', which no word holds
//   kind 1        text: entries, as of kind 0; numbers: which of them each word is
//   kind 2        decimal numbers; byte: digits of each, 0: as many as it takes; numbers
//   kind 3        hexadecimal, "0-9a-f"; byte: digits of each; nibbles, the first the lower
//
// Kind 2 and 3 have digits only, no sign, and at most 18 or 255 of them.
namespace collector::storage {

// As the kind that is smallest.
void PutWords(std::span<const std::string_view> words, SectionBytes& out);

class WordColumn {
 public:
  enum Kind : uint8_t { kText = 0, kDictionary = 1, kDecimal = 2, kHex = 3 };

  // A column of format 1: `text` as of kind 0.
  static WordColumn OfText(std::string_view text);
  // The next `count` words of `in`, which fails when they are cut short.
  void Take(shared::wire::format::ByteReader& in, size_t count);

  // False: no word has `part`, which is not empty, in it.
  [[nodiscard]] bool MayContain(std::string_view part) const;
  // Each word and '\n': in `buffer`, or where they are stored. A number of no entry is "".
  std::string_view Text(std::string& buffer) const;

 private:
  void ReadDictionary(std::string& out) const;
  void ReadDecimals(std::string& out) const;
  void ReadHex(std::string& out) const;
  void PutOne(std::string_view middle, std::string& out) const;

  Kind kind_ = kText;
  size_t count_ = 0;
  size_t digits_ = 0;
  std::string_view begin_, end_;
  std::string_view text_;  // words, entries or nibbles
  NumberColumn numbers_;
};

}  // namespace collector::storage
