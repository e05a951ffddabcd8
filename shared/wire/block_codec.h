#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "shared/base/result.h"
#include "shared/model/block.h"

namespace shared::wire {

// The payload of a metric block, version 1. It is stored for years: a change of meaning is a new
// version. Counts of series and ticks travel beside it.
//
//   payload  := version:1 (= 1)  packing:1 (0 stored, 1 one zstd frame)  tail_bytes:varint
//               packed (the body as packing says)  tail  checksum:4
//   checksum := low 32 bits, little-endian, of XXH3-64 of all before it, seeded with series << 32 |
//   ticks body     := sizes of times, shifts, masks, raw_high and shapes: 5 varints
//               times  codes (a byte a series)  shifts  masks  raw_high  shapes  steps
//
// A varint has seven bits a byte, low ones first, the top bit set on all bytes but the last;
// "zig-zag" means that 0, -1, 1, -2 … are written as 0, 1, 2, 3 …; all arithmetic is modulo 2^64.
// The body is what compresses; the tail holds bytes that look random, which would only blunt the
// entropy coder.
//
//   times    := unit:1 (0 ns, 1 us, 2 ms, 3 s), then in that unit, zig-zag varints: the first time,
//   the
//               first step, and how each further step differs from the one before
//   codes       how each series is written, with g = 1 if it has gaps, s = 1 if it is shifted:
//     ((exponent * 2 + s) * 2 + g) * 4 + kind   exponent 0 to 9; kind 0 constant, 1 steady, 2
//     delta,
//                                               3 delta of deltas                        (0 to 159)
//     160 + dropped * 2 + g                     raw, dropped 0 to 6                      (to 173)
//     174 + dropped * 2 + g                     raw constant                             (to 187)
//     188                                       absent: stale markers only
//   masks       of a series with gaps: a bit a tick, low bits first, set where there is a value;
//   the
//               other ticks are stale markers, and what follows tells of the ticks with values only
//
// A series is scaled when one exponent makes integers of all its values, such that double(integer)
// / 10^exponent gives each back bit for bit. Zero bits that all integers end with may be shifted
// out:
//
//   shifts      of a shifted series: how many bits, 1 to 63
//   shapes      of a scaled series: bytes of the first integer (0 to 8) + 9 * width of the steps
//   tail        the first integer, zig-zag, little-endian
//   steps       steady: the step that all take, a zig-zag varint
//               delta, delta of deltas: for each tick but the first the difference to the one
//               before (of deltas: how it differs from the difference before, which is 0 at first),
//               zig-zag:
//                 width 0       as varints
//                 width 1 to 8  that many bytes: the highest of each here, then in the tail the
//                 lower
//                               ones of each, little-endian
//
// Otherwise it is raw: the bits of each value XOR those of the one before (0 at first). If the
// lowest bytes of all are zero, `dropped` of them are left out.
//
//   raw_high    the upper 16 bits of each, little-endian
//   tail        the lower 48 bits of each, less the dropped bytes, little-endian
//
// Nothing may follow in any of these; the tail has its parts in the order of the series.

// How a body is packed. kStored takes half the time and about a quarter more bytes: for what is
// soon written anew.
enum class Packing : uint8_t { kStored, kZstd };

// Turns blocks into payloads (pgvigil.v1.MetricBlock.payload). Reuses its buffers, which grow to
// about 30 bytes a value of the largest block: one per thread.
class BlockEncoder {
 public:
  BlockEncoder();
  ~BlockEncoder();
  // Appends the payload to `out`. The block must hold series * ticks values, 1 to 4096 ticks, each
  // after the one before, 1 to 20000 series and at most 4 Mi values (CHECKed: it is ours).
  void Encode(const model::Block& block, std::string& out, Packing packing = Packing::kZstd);

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
  // Refuses payloads that are cut, damaged or of other counts, and times that are not each after
  // the one before. `payload` may be hostile: nothing is allocated beyond what so many values can
  // need, and that only within the limits below. After an error `block` has no meaning.
  //   kMalformed          block: checksum of 500 series and 6 ticks is 0badcafe, stored is 00000000
  //   kResourceExhausted  block: 20001 series and 1 ticks exceed the limits of 20000 series, 4096
  //   ticks
  //                       and 4194304 values
  Result<void> Decode(std::string_view payload, uint32_t series, uint32_t ticks,
                      model::Block& block);

 private:
  struct Scratch;
  std::unique_ptr<Scratch> scratch_;
};

}  // namespace shared::wire
