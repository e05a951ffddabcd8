#include "shared/wire/checksum.h"

#include <xxhash.h>

namespace shared::wire {

uint64_t Checksum(std::string_view bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace shared::wire
