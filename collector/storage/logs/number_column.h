#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "collector/storage/logs/section_bytes.h"
#include "shared/wire/byte_reader.h"

// A column of unsigned numbers within a section of a segment (log_segment.h). The reader knows how
// many there are; none are no bytes at all. varint is LEB128, zigzag a varint of a signed number:
//
//   byte    width in bits of what follows for each: 0, 1, 2, 4, 8, 16, 24 … 64; + 128: differences
//   varint  if differences: the first number, which has nothing among what follows
//   zigzag  base
//   bytes   width below 8: packed, the first number in the lowest bits; else width / 8 planes, the
//           lowest bytes of all numbers first
//
// Each is a number, or its difference to the one before, less the base. Arithmetic wraps around.
namespace collector::storage {

// In whichever form is smaller.
void PutNumbers(std::span<const uint64_t> numbers, SectionBytes& out);

// A column where it stands.
class NumberColumn {
 public:
  // The next `count` numbers of `in`, which fails when they are cut short or have no such width.
  void Take(shared::wire::format::ByteReader& in, size_t count);

  [[nodiscard]] size_t size() const { return count_; }
  // All numbers.
  void Read(std::vector<uint64_t>& out) const;

 private:
  size_t count_ = 0;
  unsigned width_ = 0;
  bool differences_ = false;
  uint64_t first_ = 0;
  uint64_t base_ = 0;
  const uint8_t* bytes_ = nullptr;
};

// The same at once.
std::vector<uint64_t> TakeNumbers(shared::wire::format::ByteReader& in, size_t count);

}  // namespace collector::storage
