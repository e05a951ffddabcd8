#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "shared/base/result.h"

namespace shared::wire {

// Compresses with one reused context; level 1 unless told otherwise (levels above gain under 1 % on
// our data). One thread at a time.
class Compressor {
 public:
  // For a few KiB of mostly numbers: 20 to 50 % less time than level 1, 2 to 3 % more bytes. They
  // carry no checksum: what they travel in has one.
  static Compressor ForSmallNumbers();

  explicit Compressor(int level = 1);
  ~Compressor();
  Compressor(Compressor&&) noexcept;
  Compressor& operator=(Compressor&&) noexcept;

  // Appends one zstd frame (with content size and, but for small numbers, a checksum) to `out`.
  void Append(std::string_view content, std::string& out);
  // The same, with codes for its bytes that begin anew at each of `cuts` (ascending offsets): for
  // runs of some hundred bytes and more that have little in common.
  void Append(std::string_view content, std::span<const size_t> cuts, std::string& out);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

// What a peer may make us allocate.
struct DecompressLimits {
  size_t output_bytes = size_t{64} << 20;
  // Output may be this many times the input once it is over 1 MiB: 1 GiB of zeros fits in 32 KiB.
  size_t ratio = 100;
  // Largest window, as a power of two: 8 MiB.
  int window_log = 23;
};

// Decompresses with one reused context. One thread at a time; an error leaves it fit for use.
class Decompressor {
 public:
  Decompressor();
  ~Decompressor();
  Decompressor(Decompressor&&) noexcept;
  Decompressor& operator=(Decompressor&&) noexcept;

  // Appends the contents of one or more zstd frames, put together, to `out`. Streaming: `out` never
  // grows by more than the limits allow plus one byte (its capacity by at most twice that),
  // whatever a frame header claims. Skippable frames are skipped; formats older than zstd 0.8 are
  // refused. After an error `out` has what it had before. Errors:
  //   kInvalidInput       zstd: no input
  //   kMalformed          zstd: the frame at byte 0: Unknown frame descriptor
  //                       zstd: input ends at byte 17, within the frame that began at byte 0
  //   kResourceExhausted  zstd: output exceeds the limit of 67108864 bytes
  //                       zstd: output exceeds 3278800 bytes, the limit for an input of 32788 bytes
  //                       zstd: the frame at byte 0 wants a window above the limit of 8388608 bytes
  Result<void> Append(std::string_view frames, const DecompressLimits& limits, std::string& out);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

// The contents of `frames`, by a Decompressor made for the occasion; errors as there.
Result<std::string> Decompress(std::string_view frames, const DecompressLimits& limits = {});

}  // namespace shared::wire
