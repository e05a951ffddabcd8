#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace collector::storage {

// Some ordinals below an end, a bit each: a million series are 125 kB, which stay in the cache.
class OrdinalSet {
 public:
  explicit OrdinalSet(size_t end) : words_((end + 63) / 64) {}

  void Add(std::span<const uint32_t> ordinals) {
    uint64_t* const words = words_.data();
    for (const uint32_t one : ordinals) words[one / 64] |= uint64_t{1} << one % 64;
  }
  [[nodiscard]] bool Has(uint32_t ordinal) const {
    return (words_.data()[ordinal / 64] >> ordinal % 64 & 1) != 0;
  }
  // Appends all, ascending.
  void AppendTo(std::vector<uint32_t>& out) const {
    for (size_t i = 0; i < words_.size(); ++i) {
      for (uint64_t word = words_[i]; word != 0; word &= word - 1) {
        out.push_back(static_cast<uint32_t>(i * 64) +
                      static_cast<uint32_t>(std::countr_zero(word)));
      }
    }
  }

 private:
  std::vector<uint64_t> words_;
};

}  // namespace collector::storage
