#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "shared/base/result.h"
#include "shared/model/block.h"

namespace shared::wire {

// (The format, byte by byte, goes here: written by the author of block_codec.cc.)

// Turns blocks into payloads (pgvigil.v1.MetricBlock.payload). Reuses its buffers: one per thread.
class BlockEncoder {
 public:
  BlockEncoder();
  ~BlockEncoder();
  // Appends the payload to `out`. The block must hold series * ticks values, 1 to 4096 ticks in
  // ascending order and 1 to 20000 series (CHECKed: it is ours).
  void Encode(const model::Block& block, std::string& out);

 private:
  struct Scratch;
  std::unique_ptr<Scratch> scratch_;
};

// Turns payloads into blocks; every double comes back bit for bit. Reuses its buffers: one per
// thread.
class BlockDecoder {
 public:
  BlockDecoder();
  ~BlockDecoder();
  // kMalformed: the payload is not one, is cut, or does not hold `series` × `ticks` values.
  // kResourceExhausted: more than 4096 ticks, 20000 series or 4 Mi values. `payload` may be
  // hostile.
  Result<void> Decode(std::string_view payload, uint32_t series, uint32_t ticks,
                      model::Block& block);

 private:
  struct Scratch;
  std::unique_ptr<Scratch> scratch_;
};

}  // namespace shared::wire
