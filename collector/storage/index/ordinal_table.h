#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace collector::storage {

// A hash table of ordinals of things that are kept elsewhere: 4 bytes a slot, at most 3/4 full,
// linear probing. Nothing is ever taken out.
class OrdinalTable {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  // `equal(ordinal)`: whether this is the thing looked for.
  template <typename Equal>
  [[nodiscard]] uint32_t Find(uint64_t hash, Equal equal) const {
    if (slots_.empty()) return kNone;
    for (size_t i = Mix(hash) & (slots_.size() - 1);; i = (i + 1) & (slots_.size() - 1)) {
      if (slots_[i] == kNone || equal(slots_[i])) return slots_[i];
    }
  }
  // Of what Find does not find. `hash_of(ordinal)`: of those that are in already.
  template <typename HashOf>
  void Insert(uint64_t hash, uint32_t ordinal, HashOf hash_of) {
    if ((used_ + 1) * 4 > slots_.size() * 3) {
      std::vector<uint32_t> old(slots_.empty() ? 16 : slots_.size() * 2, kNone);
      std::swap(old, slots_);
      for (const uint32_t one : old) {
        if (one != kNone) Put(hash_of(one), one);
      }
    }
    Put(hash, ordinal);
    used_ += 1;
  }
  [[nodiscard]] size_t bytes() const { return slots_.capacity() * sizeof(uint32_t); }

 private:
  static uint64_t Mix(uint64_t hash) {  // std::hash of a number is the number
    hash ^= hash >> 33;
    hash *= 0xff51afd7ed558ccd;
    return hash ^ (hash >> 33);
  }
  void Put(uint64_t hash, uint32_t ordinal) {
    size_t i = Mix(hash) & (slots_.size() - 1);
    while (slots_[i] != kNone) i = (i + 1) & (slots_.size() - 1);
    slots_[i] = ordinal;
  }

  std::vector<uint32_t> slots_;
  size_t used_ = 0;
};

}  // namespace collector::storage
