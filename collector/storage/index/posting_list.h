#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

namespace collector::storage {

// Ordinals of series in ascending order. 16 bytes, and no more as long as there are at most two:
// most values of a label with many values belong to one series.
class PostingList {
 public:
  PostingList() = default;
  ~PostingList() {
    if (capacity_ > kInside) delete[] far_;
  }
  PostingList(PostingList&& other) noexcept { Swap(other); }
  PostingList& operator=(PostingList&& other) noexcept {
    Swap(other);
    return *this;
  }

  // `ordinal` is above all that are in.
  void Add(uint32_t ordinal) {
    if (size_ == capacity_) Grow();
    (capacity_ > kInside ? far_ : near_)[size_++] = ordinal;
  }
  [[nodiscard]] std::span<const uint32_t> items() const {
    return {capacity_ > kInside ? far_ : near_, size_};
  }
  [[nodiscard]] size_t size() const { return size_; }
  // Beside the 16 of the object.
  [[nodiscard]] size_t bytes() const {
    return capacity_ > kInside ? capacity_ * sizeof(uint32_t) : 0;
  }

 private:
  static constexpr uint32_t kInside = 2;

  void Grow() {
    const uint32_t wanted = capacity_ + std::max<uint32_t>(capacity_ / 2, 2);
    auto* grown = new uint32_t[wanted];
    std::memcpy(grown, items().data(), size_ * sizeof(uint32_t));
    if (capacity_ > kInside) delete[] far_;
    far_ = grown;
    capacity_ = wanted;
  }
  void Swap(PostingList& other) noexcept {
    uint32_t* mine[1];
    static_assert(sizeof(mine) == sizeof(near_) && sizeof(mine) == sizeof(far_));
    std::memcpy(mine, near_, sizeof(mine));
    std::memcpy(near_, other.near_, sizeof(mine));
    std::memcpy(other.near_, mine, sizeof(mine));
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }

  union {
    uint32_t near_[kInside] = {0, 0};
    uint32_t* far_;
  };
  uint32_t size_ = 0;
  uint32_t capacity_ = kInside;
};

}  // namespace collector::storage
