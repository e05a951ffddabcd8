#include "agent/postgres/statements/text_memory.h"

#include <utility>

namespace agent::postgres::statements {
namespace {

// Finaliser of MurmurHash3: each bit of the input moves half of the output's.
uint64_t Mix(uint64_t x) {
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccdULL;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53ULL;
  return x ^ (x >> 33);
}

uint64_t Hash(uint32_t dbid, int64_t queryid) {
  const uint64_t hash = Mix(static_cast<uint64_t>(queryid) ^ Mix(dbid + 1ULL));
  return hash == 0 ? 1 : hash;
}

}  // namespace

bool TextMemory::Contains(uint32_t dbid, int64_t queryid) const {
  return !slots_.empty() && slots_[Find(Hash(dbid, queryid))] != 0;
}

void TextMemory::Insert(uint32_t dbid, int64_t queryid) {
  if ((size_ + 1) * 3 > slots_.size() * 2) Grow();
  const uint64_t hash = Hash(dbid, queryid);
  uint64_t& slot = slots_[Find(hash)];
  if (slot == 0) size_ += 1;
  slot = hash;
}

void TextMemory::Clear() {
  slots_ = {};
  size_ = 0;
}

size_t TextMemory::Find(uint64_t hash) const {
  const size_t mask = slots_.size() - 1;
  size_t at = static_cast<size_t>(hash) & mask;
  while (slots_[at] != 0 && slots_[at] != hash) at = (at + 1) & mask;
  return at;
}

void TextMemory::Grow() {
  const std::vector<uint64_t> old =
      std::exchange(slots_, std::vector<uint64_t>(slots_.empty() ? 64 : slots_.size() * 2));
  for (const uint64_t hash : old) {
    if (hash != 0) slots_[Find(hash)] = hash;
  }
}

}  // namespace agent::postgres::statements
