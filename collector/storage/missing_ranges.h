#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace collector::storage {

// Numbers that were passed over and may still come: sequences of a stream, bytes of a file.
// Half-open ranges, ascending, disjoint and not adjacent. A value; pure.
class MissingRanges {
 public:
  struct Range {
    uint64_t first = 0;
    uint64_t end = 0;
    [[nodiscard]] uint64_t size() const { return end - first; }
    friend bool operator==(const Range&, const Range&) = default;
  };

  // Adds [first, end), which must lie above every range here; nothing when it is empty.
  void Append(uint64_t first, uint64_t end);
  // Takes [first, end) out. Returns how many of its numbers were missing.
  uint64_t Remove(uint64_t first, uint64_t end);
  [[nodiscard]] bool Contains(uint64_t number) const;
  // Forgets the lowest ranges until at most `most` are left. Returns how many numbers they held:
  // should one of them still come, it will pass for stored.
  uint64_t ForgetBeyond(size_t most);

  [[nodiscard]] std::span<const Range> ranges() const { return ranges_; }
  [[nodiscard]] bool empty() const { return ranges_.empty(); }
  // first, end, first, end …: how a column of type int8[] holds them.
  [[nodiscard]] std::vector<int64_t> Flat() const;
  // What was kept so. Ranges that are none of ours (edited by hand) are skipped.
  static MissingRanges FromFlat(std::span<const int64_t> flat);

  friend bool operator==(const MissingRanges&, const MissingRanges&) = default;

 private:
  std::vector<Range> ranges_;
};

}  // namespace collector::storage
