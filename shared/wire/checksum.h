#pragma once

#include <cstdint>
#include <string_view>

namespace shared::wire {

// XXH3-64 of `bytes`: finds damage, proves nothing about intent. Never changes: checksums are
// stored (spool records, block payloads). A `seed` of its own for each use keeps one format's bytes
// from passing as another's.
uint64_t Checksum(std::string_view bytes, uint64_t seed);

}  // namespace shared::wire
