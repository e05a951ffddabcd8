#include "collector/storage/logs/word_column.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <unordered_map>

#include "collector/storage/logs/varint.h"

namespace collector::storage {
namespace {

using shared::wire::format::ByteReader;
using Words = std::span<const std::string_view>;

constexpr uint8_t kBetween = 128;
constexpr size_t kMostDecimals = 18;  // of which every number fits
constexpr size_t kMostHex = 255;
constexpr size_t kMostText = size_t{64} << 20;
constexpr size_t kFew = 4;  // words that are not worth more than their text

bool IsDigit(char byte) {
  return byte >= '0' && byte <= '9';
}
bool IsHex(char byte) {
  return IsDigit(byte) || (byte >= 'a' && byte <= 'f');
}
bool Contains(std::string_view text, std::string_view part) {
  return !text.empty() && memmem(text.data(), text.size(), part.data(), part.size()) != nullptr;
}

bool HaveOneSize(Words words) {
  return std::all_of(words.begin(), words.end(),
                     [&](std::string_view word) { return word.size() == words.front().size(); });
}

// One of the kinds, but for the byte that says so.
struct Form {
  uint8_t kind = 0;
  SectionBytes content;
};

void PutLines(Words words, SectionBytes& out) {
  std::string text;
  for (const std::string_view word : words) {
    text += word;
    text.push_back('\n');
  }
  PutVarint(text.size(), out.bytes);
  out.AddColumn(text);
}

Form AsText(Words words) {
  Form out{WordColumn::kText, {}};
  PutLines(words, out.content);
  return out;
}

// nullopt: hardly any word comes again.
std::optional<Form> AsDictionary(Words words) {
  const size_t most = words.size() / 4 + 16;
  std::unordered_map<std::string_view, uint64_t> known;
  std::vector<std::string_view> entries;
  std::vector<uint64_t> numbers;
  numbers.reserve(words.size());
  for (const std::string_view word : words) {
    const auto [entry, added] = known.try_emplace(word, entries.size());
    if (added) entries.push_back(word);
    if (entries.size() > most) return std::nullopt;
    numbers.push_back(entry->second);
  }
  Form out{WordColumn::kDictionary, {}};
  PutLines(entries, out.content);
  PutNumbers(numbers, out.content);
  return out;
}

// nullopt: not all are such numbers, or they have not one way to be written.
std::optional<Form> AsDecimals(Words words) {
  std::vector<uint64_t> numbers;
  numbers.reserve(words.size());
  bool zero_leads = false;
  for (const std::string_view word : words) {
    if (word.empty() || word.size() > kMostDecimals) return std::nullopt;
    uint64_t number = 0;
    for (const char byte : word) {
      if (!IsDigit(byte)) return std::nullopt;
      number = 10 * number + static_cast<uint64_t>(byte - '0');
    }
    zero_leads = zero_leads || (word.size() > 1 && word.front() == '0');
    numbers.push_back(number);
  }
  if (zero_leads && !HaveOneSize(words)) return std::nullopt;
  Form out{WordColumn::kDecimal, {}};
  out.content.bytes.push_back(static_cast<char>(zero_leads ? words.front().size() : 0));
  PutNumbers(numbers, out.content);
  return out;
}

// nullopt: they have other characters, or differ in length.
std::optional<Form> AsHex(Words words) {
  const size_t digits = words.front().size();
  if (digits == 0 || digits > kMostHex || !HaveOneSize(words)) return std::nullopt;
  std::string nibbles((words.size() * digits + 1) / 2, '\0');
  size_t at = 0;
  for (const std::string_view word : words) {
    for (const char byte : word) {
      if (!IsHex(byte)) return std::nullopt;
      const int value = IsDigit(byte) ? byte - '0' : byte - 'a' + 10;
      char& both = nibbles[at / 2];
      both = static_cast<char>(static_cast<uint8_t>(both) | (value << (at % 2 == 0 ? 0 : 4)));
      at += 1;
    }
  }
  Form out{WordColumn::kHex, {}};
  out.content.bytes.push_back(static_cast<char>(digits));
  out.content.AddColumn(nibbles);
  return out;
}

// How all words begin and end; digits at the borders belong to what is between.
struct Affixes {
  std::string_view begin, end;
};
Affixes AffixesOf(Words words) {
  Affixes out{words.front(), words.front()};
  for (const std::string_view word : words) {
    const size_t most = std::min(out.begin.size(), word.size());
    const auto begin =
        std::mismatch(word.begin(), word.begin() + static_cast<ptrdiff_t>(most), out.begin.begin());
    out.begin = out.begin.substr(0, static_cast<size_t>(begin.first - word.begin()));
    size_t same = 0;
    while (same < out.end.size() && same < word.size() &&
           out.end[out.end.size() - 1 - same] == word[word.size() - 1 - same]) {
      ++same;
    }
    out.end.remove_prefix(out.end.size() - same);
  }
  while (!out.begin.empty() && IsDigit(out.begin.back())) out.begin.remove_suffix(1);
  while (!out.end.empty() && IsDigit(out.end.front())) out.end.remove_prefix(1);
  return out;
}

// "pgsql_tmp4711" as "pgsql_tmp" and a number.
std::optional<Form> AsBetween(Words words) {
  const Affixes affixes = AffixesOf(words);
  const size_t around = affixes.begin.size() + affixes.end.size();
  if (around == 0) return std::nullopt;
  std::vector<std::string_view> middles;
  middles.reserve(words.size());
  for (const std::string_view word : words) {
    if (word.size() <= around) return std::nullopt;
    middles.push_back(word.substr(affixes.begin.size(), word.size() - around));
  }
  std::optional<Form> middle = AsDecimals(middles);
  if (!middle) middle = AsHex(middles);
  if (!middle) return std::nullopt;
  Form out{static_cast<uint8_t>(kBetween | middle->kind), {}};
  PutText(affixes.begin, out.content.bytes);
  PutText(affixes.end, out.content.bytes);
  out.content.Append(middle->content);
  return out;
}

}  // namespace

void PutWords(Words words, SectionBytes& out) {
  if (words.empty()) return;
  Form best = AsText(words);
  if (words.size() >= kFew) {
    for (const auto form : {AsDictionary, AsDecimals, AsHex, AsBetween}) {
      std::optional<Form> other = form(words);
      if (other && other->content.cost() < best.content.cost()) best = std::move(*other);
    }
  }
  out.bytes.push_back(static_cast<char>(best.kind));
  out.Append(best.content);
}

WordColumn WordColumn::OfText(std::string_view text) {
  WordColumn out;
  out.text_ = text;
  return out;
}

void WordColumn::Take(ByteReader& in, size_t count) {
  *this = WordColumn();
  if (count == 0) return;
  count_ = count;
  const uint8_t head = in.TakeByte();
  if ((head & kBetween) != 0) {
    begin_ = TakeText(in);
    end_ = TakeText(in);
  }
  switch (head % kBetween) {
    case kText:
      text_ = TakeText(in);
      break;
    case kDictionary:
      kind_ = kDictionary;
      text_ = TakeText(in);
      numbers_.Take(in, count);
      break;
    case kDecimal:
      kind_ = kDecimal;
      digits_ = in.TakeByte();
      numbers_.Take(in, count);
      if (digits_ > kMostDecimals) in.Fail();
      break;
    case kHex:
      kind_ = kHex;
      digits_ = in.TakeByte();
      text_ = in.Take((count * digits_ + 1) / 2);
      break;
    default:
      in.Fail();
  }
}

bool WordColumn::MayContain(std::string_view part) const {
  if (begin_.empty() && end_.empty()) {
    // Entries are all that is in it; '\n' is in no part.
    if (kind_ == kText || kind_ == kDictionary) return Contains(text_, part);
    const bool digits = std::all_of(part.begin(), part.end(), kind_ == kHex ? IsHex : IsDigit);
    if (!digits || (digits_ > 0 && part.size() > digits_)) return false;
  }
  std::string buffer;
  return Contains(Text(buffer), part);
}

std::string_view WordColumn::Text(std::string& buffer) const {
  if (kind_ == kText && begin_.empty() && end_.empty()) return text_;
  buffer.clear();
  switch (kind_) {
    case kText:
      for (size_t at = 0; at < text_.size();) {
        const size_t stop = std::min(text_.find('\n', at), text_.size());
        PutOne(text_.substr(at, stop - at), buffer);
        at = stop + 1;
      }
      break;
    case kDictionary:
      ReadDictionary(buffer);
      break;
    case kDecimal:
      ReadDecimals(buffer);
      break;
    case kHex:
      ReadHex(buffer);
      break;
  }
  return buffer;
}

void WordColumn::PutOne(std::string_view middle, std::string& out) const {
  // Then words are missing, and whoever counts them says so.
  if (out.size() > kMostText) return;
  out += begin_;
  out += middle;
  out += end_;
  out.push_back('\n');
}

void WordColumn::ReadDictionary(std::string& out) const {
  std::vector<std::string_view> entries;
  for (size_t at = 0; at < text_.size();) {
    const size_t stop = std::min(text_.find('\n', at), text_.size());
    entries.push_back(text_.substr(at, stop - at));
    at = stop + 1;
  }
  std::vector<uint64_t> numbers;
  numbers_.Read(numbers);
  for (const uint64_t number : numbers) {
    PutOne(number < entries.size() ? entries[number] : std::string_view(), out);
  }
}

void WordColumn::ReadDecimals(std::string& out) const {
  std::vector<uint64_t> numbers;
  numbers_.Read(numbers);
  char digits[kMostDecimals + 20];
  std::memset(digits, '0', kMostDecimals);
  char* const middle = digits + kMostDecimals;
  for (const uint64_t number : numbers) {
    const char* const end = std::to_chars(middle, std::end(digits), number).ptr;
    const auto size = static_cast<size_t>(end - middle);
    const size_t zeros = digits_ > size ? digits_ - size : 0;
    PutOne({middle - zeros, size + zeros}, out);
  }
}

void WordColumn::ReadHex(std::string& out) const {
  std::string word(digits_, '0');
  for (size_t at = 0; at < count_ * digits_;) {
    for (char& digit : word) {
      const auto both = static_cast<uint8_t>(text_[at / 2]);
      digit = "0123456789abcdef"[at % 2 == 0 ? both & 15 : both >> 4];
      at += 1;
    }
    PutOne(word, out);
  }
}

}  // namespace collector::storage
