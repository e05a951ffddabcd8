#pragma once

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "collector/storage/index/ordinal_table.h"

namespace collector::storage {

// Keeps every string once and numbers them from 0. Strings live as long as the table and do not
// move.
class SymbolTable {
 public:
  uint32_t Add(std::string_view text) {
    const uint64_t hash = std::hash<std::string_view>()(text);
    const uint32_t known = Find(text, hash);
    if (known != OrdinalTable::kNone) return known;
    const auto ordinal = static_cast<uint32_t>(texts_.size());
    texts_.push_back(Keep(text));
    table_.Insert(hash, ordinal,
                  [&](uint32_t one) { return std::hash<std::string_view>()(texts_[one]); });
    return ordinal;
  }
  // OrdinalTable::kNone: never added.
  [[nodiscard]] uint32_t Find(std::string_view text) const {
    return Find(text, std::hash<std::string_view>()(text));
  }
  [[nodiscard]] std::string_view operator[](uint32_t ordinal) const { return texts_[ordinal]; }
  [[nodiscard]] size_t bytes() const {
    return texts_.capacity() * sizeof(std::string_view) + table_.bytes() + kept_;
  }

 private:
  static constexpr size_t kChunk = size_t{64} << 10;

  uint32_t Find(std::string_view text, uint64_t hash) const {
    return table_.Find(hash, [&](uint32_t one) { return texts_[one] == text; });
  }
  std::string_view Keep(std::string_view text) {
    if (text.size() > room_) {
      room_ = std::max(kChunk, text.size());
      chunks_.push_back(std::make_unique<char[]>(room_));
      next_ = chunks_.back().get();
      kept_ += room_;
    }
    if (text.empty()) return {};
    std::memcpy(next_, text.data(), text.size());
    const std::string_view kept(next_, text.size());
    next_ += text.size();
    room_ -= text.size();
    return kept;
  }

  std::vector<std::string_view> texts_;
  OrdinalTable table_;
  std::vector<std::unique_ptr<char[]>> chunks_;
  char* next_ = nullptr;
  size_t room_ = 0;
  size_t kept_ = 0;
};

}  // namespace collector::storage
