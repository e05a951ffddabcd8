#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace agent::postgres::statements {

// Which statements' texts were sent: a set of 64-bit hashes of (dbid, queryid), 8 to 16 bytes a
// text. Two statements of one hash (once in 10^11 for 10,000 statements) would leave one of them
// without text.
class TextMemory {
 public:
  [[nodiscard]] bool Contains(uint32_t dbid, int64_t queryid) const;
  void Insert(uint32_t dbid, int64_t queryid);
  [[nodiscard]] size_t size() const { return size_; }
  void Clear();

 private:
  [[nodiscard]] size_t Find(uint64_t hash) const;  // its place, or the free one where it would go
  void Grow();

  std::vector<uint64_t> slots_;  // open addressing, a power of two, at most 2/3 full; 0: free
  size_t size_ = 0;
};

}  // namespace agent::postgres::statements
