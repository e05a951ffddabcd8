#include "collector/storage/logs/log_needle.h"

#include <algorithm>
#include <cstring>

#include "collector/storage/logs/body_words.h"
#include "collector/storage/logs/token_bloom.h"

namespace collector::storage {
namespace {

constexpr size_t kMostProbes = 4;

}  // namespace

std::vector<LogNeedle> NeedlesOf(const api::LogQuery& query) {
  std::vector<LogNeedle> needles;
  if (query.contains && !query.contains->empty()) needles.push_back({*query.contains, false});
  if (query.word && !query.word->empty()) needles.push_back({*query.word, true});
  return needles;
}

bool HasNeedle(std::string_view body, const LogNeedle& needle) {
  const std::string_view text = needle.text;
  for (size_t at = 0; at + text.size() <= body.size(); ++at) {
    const void* const found = memmem(body.data() + at, body.size() - at, text.data(), text.size());
    if (found == nullptr) return false;
    if (!needle.whole) return true;
    at = static_cast<size_t>(static_cast<const char*>(found) - body.data());
    const size_t end = at + text.size();
    const bool begins = at == 0 || !IsWordByte(text.front()) || !IsWordByte(body[at - 1]);
    const bool ends = end == body.size() || !IsWordByte(text.back()) || !IsWordByte(body[end]);
    if (begins && ends) return true;
  }
  return false;
}

std::vector<std::string> WholeWords(const LogNeedle& needle) {
  std::vector<std::string> words;
  const std::string_view text = needle.text;
  ForEachWord(text, [&](std::string_view word) {
    const bool first = word.data() == text.data();
    const bool last = word.data() + word.size() == text.data() + text.size();
    if (word.size() < kShortestBloomWord || (!needle.whole && (first || last))) return;
    if (std::find(words.begin(), words.end(), word) == words.end()) words.emplace_back(word);
  });
  std::stable_sort(words.begin(), words.end(),
                   [](const auto& a, const auto& b) { return a.size() > b.size(); });
  if (words.size() > kMostProbes) words.resize(kMostProbes);
  return words;
}

std::string_view LongestPart(const LogNeedle& needle) {
  std::string_view longest;
  ForEachWord(needle.text, [&](std::string_view word) {
    if (word.size() > longest.size()) longest = word;
  });
  return longest;
}

}  // namespace collector::storage
