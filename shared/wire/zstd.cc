#include "shared/wire/zstd.h"

#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "shared/base/check.h"

namespace shared::wire {
namespace {

// Below this much output the ratio does not matter.
constexpr size_t kFreeOutputBytes = size_t{1} << 20;
// What is allocated on a frame header's word alone.
constexpr size_t kTrustedBytes = size_t{256} << 10;

struct FreeCompressor {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};
struct FreeDecompressor {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

// Out of memory is fatal, and our own parameters are never refused.
size_t Checked(size_t code) {
  CHECK(!ZSTD_isError(code));
  return code;
}

uint32_t LittleEndian32(std::string_view bytes) {
  uint32_t out = 0;
  for (size_t i = 4; i-- > 0;) out = (out << 8) | static_cast<unsigned char>(bytes[i]);
  return out;
}

// The library also reads the formats before 0.8, with code that nobody hardens any more.
bool IsFrameMagic(std::string_view bytes) {
  const uint32_t magic = LittleEndian32(bytes);
  return magic == ZSTD_MAGICNUMBER ||
         (magic & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START;
}

// How much `input_bytes` may become.
struct OutputCap {
  OutputCap(size_t input_bytes, const DecompressLimits& limits) {
    const bool overflows = limits.ratio != 0 && input_bytes > SIZE_MAX / limits.ratio;
    by_ratio = std::max(overflows ? SIZE_MAX : input_bytes * limits.ratio, kFreeOutputBytes);
    bytes = std::min({by_ratio, limits.output_bytes, SIZE_MAX / 4});
  }
  size_t by_ratio = 0;
  size_t bytes = 0;
};

// Room for the first piece of output: what the first frame claims as far as that is believable, so
// that an honest small frame is decompressed straight into place.
size_t FirstRoom(std::string_view frames, const OutputCap& cap) {
  const uint64_t claimed = ZSTD_getFrameContentSize(frames.data(), frames.size());
  const size_t wanted = claimed < kTrustedBytes ? static_cast<size_t>(claimed) : kTrustedBytes;
  return std::min(wanted, cap.bytes) + 1;
}

Error DecoderError(size_t code, size_t frame_begin, int window_log) {
  switch (ZSTD_getErrorCode(code)) {
    case ZSTD_error_frameParameter_windowTooLarge:
      return {ErrorCode::kResourceExhausted,
              fmt::format("zstd: the frame at byte {} wants a window above the limit of {} bytes",
                          frame_begin, size_t{1} << window_log)};
    case ZSTD_error_memory_allocation:
      CHECK(false);
      break;
    default:
      break;
  }
  return {ErrorCode::kMalformed,
          fmt::format("zstd: the frame at byte {}: {}", frame_begin, ZSTD_getErrorName(code))};
}

}  // namespace

struct Compressor::Context {
  std::unique_ptr<ZSTD_CCtx, FreeCompressor> zstd{ZSTD_createCCtx()};

  void Set(ZSTD_cParameter parameter, int value) {
    Checked(ZSTD_CCtx_setParameter(zstd.get(), parameter, value));
  }
};

Compressor::Compressor(int level) : context_(std::make_unique<Context>()) {
  CHECK(context_->zstd);
  context_->Set(ZSTD_c_compressionLevel, level);
  context_->Set(ZSTD_c_checksumFlag, 1);
}

Compressor Compressor::ForSmallNumbers() {
  Compressor out(1);
  // Short matches cost a sequence each, here and in the decoder, and save little over Huffman
  // codes; a table of 2^8 entries is quickly cleared and stays in the first cache.
  out.context_->Set(ZSTD_c_minMatch, 7);
  out.context_->Set(ZSTD_c_hashLog, 8);
  out.context_->Set(ZSTD_c_checksumFlag, 0);
  return out;
}
Compressor::~Compressor() = default;
Compressor::Compressor(Compressor&&) noexcept = default;
Compressor& Compressor::operator=(Compressor&&) noexcept = default;

void Compressor::Append(std::string_view content, std::string& out) {
  const size_t before = out.size();
  out.resize(before + ZSTD_compressBound(content.size()));
  const size_t written =
      Checked(ZSTD_compress2(context_->zstd.get(), out.data() + before, out.size() - before,
                             content.data(), content.size()));
  out.resize(before + written);
}

void Compressor::Append(std::string_view content, std::span<const size_t> cuts, std::string& out) {
  ZSTD_CCtx* const zstd = context_->zstd.get();
  Checked(ZSTD_CCtx_reset(zstd, ZSTD_reset_session_only));
  Checked(ZSTD_CCtx_setPledgedSrcSize(zstd, content.size()));
  const size_t before = out.size();
  // What a cut may cost: a block's header, and that of what it holds.
  constexpr size_t kBlock = 32;
  out.resize(before + ZSTD_compressBound(content.size()) + kBlock * cuts.size());
  ZSTD_outBuffer to{out.data() + before, out.size() - before, 0};
  size_t begin = 0;
  const auto put = [&](size_t end, ZSTD_EndDirective then) {
    ZSTD_inBuffer from{content.data() + begin, end - begin, 0};
    CHECK(Checked(ZSTD_compressStream2(zstd, &to, &from, then)) == 0);
    begin = end;
  };
  for (const size_t cut : cuts) {
    if (cut > begin && cut < content.size()) put(cut, ZSTD_e_flush);
  }
  put(content.size(), ZSTD_e_end);
  out.resize(before + to.pos);
}

struct Decompressor::Context {
  std::unique_ptr<ZSTD_DCtx, FreeDecompressor> zstd{ZSTD_createDCtx()};

  Result<void> Append(std::string_view frames, const DecompressLimits& limits, std::string& out);
};

Decompressor::Decompressor() : context_(std::make_unique<Context>()) {
  CHECK(context_->zstd);
}
Decompressor::~Decompressor() = default;
Decompressor::Decompressor(Decompressor&&) noexcept = default;
Decompressor& Decompressor::operator=(Decompressor&&) noexcept = default;

Result<void> Decompressor::Append(std::string_view frames, const DecompressLimits& limits,
                                  std::string& out) {
  const size_t before = out.size();
  Result<void> result = context_->Append(frames, limits, out);
  if (!result) out.resize(before);
  return result;
}

Result<void> Decompressor::Context::Append(std::string_view frames, const DecompressLimits& limits,
                                           std::string& out) {
  if (frames.empty()) return Fail(ErrorCode::kInvalidInput, "zstd: no input");
  Checked(ZSTD_DCtx_reset(zstd.get(), ZSTD_reset_session_only));
  Checked(ZSTD_DCtx_setParameter(zstd.get(), ZSTD_d_windowLogMax, limits.window_log));

  const OutputCap cap(frames.size(), limits);
  const size_t before = out.size();
  size_t frame_begin = 0;
  size_t pending = 0;  // 0: between two frames
  ZSTD_inBuffer in{frames.data(), frames.size(), 0};
  // One byte more than the cap may be written: that it was is how excess shows.
  ZSTD_outBuffer to{nullptr, FirstRoom(frames, cap), 0};
  out.resize(before + to.size);
  do {
    if (pending == 0) {
      frame_begin = in.pos;
      if (frames.size() - in.pos >= 4 && !IsFrameMagic(frames.substr(in.pos, 4))) {
        return Fail(ErrorCode::kMalformed, "zstd: the frame at byte {}: Unknown frame descriptor",
                    frame_begin);
      }
    }
    if (to.pos == to.size) {
      to.size = std::min(to.size * 2 + kTrustedBytes, cap.bytes + 1);
      out.resize(before + to.size);
    }
    to.dst = out.data() + before;
    pending = ZSTD_decompressStream(zstd.get(), &to, &in);
    if (ZSTD_isError(pending)) {
      return tl::make_unexpected(DecoderError(pending, frame_begin, limits.window_log));
    }
    if (to.pos > cap.bytes) {
      if (cap.by_ratio < limits.output_bytes) {
        return Fail(ErrorCode::kResourceExhausted,
                    "zstd: output exceeds {} bytes, the limit for an input of {} bytes", cap.bytes,
                    frames.size());
      }
      return Fail(ErrorCode::kResourceExhausted, "zstd: output exceeds the limit of {} bytes",
                  cap.bytes);
    }
    const bool starved = in.pos == frames.size() && to.pos < to.size;
    if (pending != 0 && starved) {
      return Fail(ErrorCode::kMalformed,
                  "zstd: input ends at byte {}, within the frame that began at byte {}",
                  frames.size(), frame_begin);
    }
  } while (in.pos < frames.size() || pending != 0);
  out.resize(before + to.pos);
  return {};
}

Result<std::string> Decompress(std::string_view frames, const DecompressLimits& limits) {
  std::string out;
  RETURN_IF_ERROR(Decompressor().Append(frames, limits, out));
  return out;
}

}  // namespace shared::wire
