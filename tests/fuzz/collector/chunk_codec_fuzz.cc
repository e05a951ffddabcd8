// A stored chunk: head_bytes:1, then the head without its checksum, which is made to fit here, then
// what follows it; each block in it would need its own checksum, so that blocks come from the
// seeds. Decoding must not crash; what decodes must come back bit for bit after encoding it again.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "collector/storage/chunks/chunk_codec.h"
#include "shared/wire/checksum.h"

namespace {

using collector::storage::ChunkGroup;

bool SameBits(const std::vector<ChunkGroup>& a, const std::vector<ChunkGroup>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.members == y.members && x.block.times_unix_nano == y.block.times_unix_nano &&
           x.block.values.size() == y.block.values.size() &&
           std::memcmp(x.block.values.data(), y.block.values.data(),
                       x.block.values.size() * sizeof(double)) == 0;
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size < 1 || bytes[0] >= 0x80 || size < size_t{1} + bytes[0]) return 0;
  static collector::storage::ChunkEncoder encoder;
  static collector::storage::ChunkDecoder decoder;
  const size_t head_end = size_t{1} + bytes[0];
  std::string data(reinterpret_cast<const char*>(bytes), head_end);
  const uint64_t checksum =
      shared::wire::Checksum(std::string_view(data).substr(1), 0x0031'206b'6e75'6863);
  for (int shift = 0; shift < 32; shift += 8) data += static_cast<char>(checksum >> shift);
  data.append(reinterpret_cast<const char*>(bytes) + head_end, size - head_end);

  (void)decoder.DecodeRanges(data);
  std::vector<ChunkGroup> groups;
  if (!decoder.Decode(data, collector::storage::kAllMembers, groups)) return 0;
  std::string again;
  encoder.Encode(groups, again);
  std::vector<ChunkGroup> back;
  if (!decoder.Decode(again, collector::storage::kAllMembers, back)) std::abort();
  if (!SameBits(groups, back)) std::abort();
  return 0;
}
