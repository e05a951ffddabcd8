#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "shared/base/result.h"

namespace shared::wire {

// Compresses with one reused context; level 1 unless told otherwise (levels above gain under 1 % on
// our data). One thread at a time.
class Compressor {
 public:
  explicit Compressor(int level = 1);
  ~Compressor();
  Compressor(Compressor&&) noexcept;
  Compressor& operator=(Compressor&&) noexcept;

  // Appends one zstd frame (with content size and checksum) to `out`.
  void Append(std::string_view content, std::string& out);

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

// The contents of one or more zstd frames, put together. Streaming: never allocates more than the
// limits plus one block, whatever the frame header claims. kMalformed: not zstd, a bad checksum, a
// truncated frame; the message has the byte offset. kResourceExhausted: a limit, named with its value.
// kInvalidInput: nothing to decompress.
Result<std::string> Decompress(std::string_view frames, const DecompressLimits& limits = {});

}  // namespace shared::wire
