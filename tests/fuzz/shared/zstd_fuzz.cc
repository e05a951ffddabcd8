// Frames from a peer: never more output than the limits allow, whatever the frames claim.

#include <cstdint>
#include <cstdlib>

#include "shared/wire/zstd.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view frames(reinterpret_cast<const char*>(bytes), size);
  const shared::wire::DecompressLimits limits{.output_bytes = size_t{2} << 20, .window_log = 20};
  const shared::Result<std::string> content = shared::wire::Decompress(frames, limits);
  if (!content) return 0;
  if (content->size() > limits.output_bytes) std::abort();
  std::string again;
  shared::wire::Compressor().Append(*content, again);
  const shared::Result<std::string> back = shared::wire::Decompress(again, {.ratio = 1 << 20});
  if (!back || *back != *content) std::abort();
  return 0;
}
