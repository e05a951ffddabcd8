#include "collector/storage/logs/token_bloom.h"

#include <algorithm>
#include <array>

#include "shared/wire/checksum.h"

namespace collector::storage {
namespace {

constexpr size_t kBitsAToken = 12;
constexpr uint64_t kSeed = 0x6c6f'675f'626c'6f6f;  // "log_bloo"
// Odd, chosen at random; part of the format.
constexpr std::array<uint32_t, 8> kSalts{0x9e37'79b1, 0x85eb'ca77, 0xc2b2'ae3d, 0x27d4'eb2f,
                                         0x1656'67b1, 0xd6e8'feb9, 0xa3c5'9ac3, 0x5bd1'e995};

// The bit of word `i` of the slice, as byte and mask.
struct Bit {
  size_t byte;
  uint8_t mask;
};
Bit BitOf(uint64_t hash, size_t i) {
  const uint32_t bit = (static_cast<uint32_t>(hash) * kSalts[i]) >> 27;
  return {4 * i + bit / 8, static_cast<uint8_t>(1U << (bit % 8))};
}

}  // namespace

uint64_t BloomHash(std::string_view token) {
  return shared::wire::Checksum(token, kSeed);
}

std::string BloomField(std::string_view name, std::string_view value) {
  std::string token(name);
  token.push_back('=');
  token += value;
  return token;
}

std::string BloomBuilder::Build() {
  const size_t slices = std::max<size_t>(1, (hashes_.size() * kBitsAToken + 255) / 256);
  std::string out(slices * kBloomSlice, '\0');
  for (const uint64_t hash : hashes_) {
    char* const slice = out.data() + BloomSliceAt(hash, out.size());
    for (size_t i = 0; i < kSalts.size(); ++i) {
      const Bit bit = BitOf(hash, i);
      slice[bit.byte] = static_cast<char>(static_cast<uint8_t>(slice[bit.byte]) | bit.mask);
    }
  }
  hashes_.clear();
  return out;
}

size_t BloomSliceAt(uint64_t hash, size_t bytes) {
  return (((hash >> 32) * (bytes / kBloomSlice)) >> 32) * kBloomSlice;
}

bool BloomSliceHas(std::string_view slice, uint64_t hash) {
  if (slice.size() != kBloomSlice) return true;
  for (size_t i = 0; i < kSalts.size(); ++i) {
    const Bit bit = BitOf(hash, i);
    if ((static_cast<uint8_t>(slice[bit.byte]) & bit.mask) == 0) return false;
  }
  return true;
}

}  // namespace collector::storage
