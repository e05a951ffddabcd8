// Payloads from a peer: series:2 ticks:2 (little-endian), then a payload without its checksum,
// which is made to fit here, for no mutation would ever guess it. Decoding must not crash; what
// decodes must come back bit for bit after encoding it again.

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "shared/wire/block_codec.h"
#include "shared/wire/checksum.h"

namespace {

bool SameBits(const shared::model::Block& a, const shared::model::Block& b) {
  return a.series == b.series && a.times_unix_nano == b.times_unix_nano &&
         a.values.size() == b.values.size() &&
         std::memcmp(a.values.data(), b.values.data(), a.values.size() * sizeof(double)) == 0;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size < 4) return 0;
  static shared::wire::BlockEncoder encoder;
  static shared::wire::BlockDecoder decoder;
  const uint32_t series = bytes[0] | static_cast<uint32_t>(bytes[1]) << 8;
  const uint32_t ticks = bytes[2] | static_cast<uint32_t>(bytes[3]) << 8;
  if (uint64_t{series} * ticks > 100'000) return 0;  // larger ones only take longer
  std::string payload(reinterpret_cast<const char*>(bytes) + 4, size - 4);
  const uint64_t checksum = shared::wire::Checksum(payload, uint64_t{series} << 32 | ticks);
  for (int shift = 0; shift < 32; shift += 8) payload += static_cast<char>(checksum >> shift);

  shared::model::Block block;
  if (!decoder.Decode(payload, series, ticks, block)) return 0;
  std::string again;
  encoder.Encode(block, again);
  shared::model::Block back;
  if (!decoder.Decode(again, series, ticks, back)) std::abort();
  if (!SameBits(block, back)) std::abort();
  return 0;
}
