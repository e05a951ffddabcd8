#include "shared/wire/zstd.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <random>

namespace shared::wire {
namespace {

std::string Compress(std::string_view content) {
  std::string out;
  Compressor().Append(content, out);
  return out;
}

// Half text, half noise: a frame of several blocks with literals and matches.
std::string MixedContent(size_t bytes) {
  std::mt19937_64 random(7);
  std::string out;
  while (out.size() < bytes) {
    out += "postgresql.commits ";
    out += std::to_string(random());
  }
  out.resize(bytes);
  return out;
}

// A frame of zeros without declared content size, made by hand from RFC 8878: magic, descriptor 0,
// window 2^23 (exponent 13), then RLE blocks of 128 KiB: 128 of 16 MiB fit in 512 bytes.
std::string RleBomb(size_t blocks) {
  std::string out("\x28\xb5\x2f\xfd\x00\x68", 6);
  for (size_t i = 0; i < blocks; ++i) {
    const uint32_t header = (uint32_t{128} << 10 << 3) | (1u << 1) | (i + 1 == blocks ? 1u : 0u);
    for (int shift = 0; shift < 24; shift += 8) out += static_cast<char>(header >> shift);
    out += '\0';
  }
  return out;
}

void ExpectError(std::string_view frames, const DecompressLimits& limits, ErrorCode code,
                 std::string_view message) {
  const Result<std::string> result = Decompress(frames, limits);
  ASSERT_FALSE(result) << message;
  EXPECT_EQ(result.error().message, message);
  EXPECT_EQ(result.error().code, code) << message;
}

TEST(Zstd, ReturnsWhatWasCompressed) {
  for (const size_t bytes :
       {size_t{0}, size_t{1}, size_t{1000}, size_t{300'000}, size_t{5'000'000}}) {
    const std::string content = MixedContent(bytes);
    const Result<std::string> back = Decompress(Compress(content));
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_TRUE(*back == content) << bytes;
  }
}

TEST(Zstd, CompressorAppendsAndIsReusable) {
  Compressor compressor;
  std::string frames = "head";
  compressor.Append("first ", frames);
  compressor.Append("", frames);
  compressor.Append("second", frames);
  ASSERT_EQ(frames.substr(0, 4), "head");
  const Result<std::string> back = Decompress(std::string_view(frames).substr(4));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(*back, "first second");
}

TEST(Zstd, CutsChangeTheCodesAndNotTheContent) {
  // Bytes of few values after bytes of all: each has its own codes only when it is cut.
  std::mt19937_64 random(7);
  std::string content(60'000, '\0');
  for (size_t i = 0; i < content.size(); ++i) {
    content[i] = static_cast<char>(i % 6000 < 3000 ? random() : random() % 5 + '0');
  }
  std::vector<size_t> cuts;
  for (size_t at = 0; at <= content.size() + 9000; at += 3000) cuts.push_back(at);
  std::string cut, whole;
  Compressor compressor(3);
  compressor.Append(content, cuts, cut);
  compressor.Append(content, whole);
  EXPECT_LT(cut.size(), whole.size());
  EXPECT_TRUE(Decompress(cut) == content);
  std::string nothing;
  compressor.Append("", cuts, nothing);
  EXPECT_EQ(*Decompress(nothing), "");
}

TEST(Zstd, ShrinksRepetition) {
  EXPECT_LT(Compress(std::string(100'000, 'x')).size(), 100u);
}

TEST(Zstd, DecompressorAppendsAndOutlivesErrors) {
  Decompressor decompressor;
  std::string out = "kept";
  const std::string frame = Compress(MixedContent(100'000));
  EXPECT_FALSE(decompressor.Append(frame.substr(0, frame.size() - 1), {}, out));
  EXPECT_EQ(out, "kept");
  EXPECT_FALSE(decompressor.Append("garbage!", {}, out));
  EXPECT_EQ(out, "kept");
  ASSERT_TRUE(decompressor.Append(Compress(" text"), {}, out));
  EXPECT_EQ(out, "kept text");
}

TEST(Zstd, SkipsSkippableFrames) {
  const std::string skippable("\x50\x2a\x4d\x18\x03\x00\x00\x00xyz", 11);
  const Result<std::string> back =
      Decompress(skippable + Compress("a") + skippable + Compress("b"));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(*back, "ab");
}

TEST(Zstd, RefusesEveryTruncation) {
  const std::string first = Compress("first");
  const std::string second = Compress(MixedContent(3000));
  const std::string frames = first + second;
  for (size_t cut = 0; cut < frames.size(); ++cut) {
    const Result<std::string> result = Decompress(std::string_view(frames).substr(0, cut));
    if (cut == first.size()) {  // a whole frame
      ASSERT_TRUE(result);
      EXPECT_EQ(*result, "first");
      continue;
    }
    ASSERT_FALSE(result) << cut;
    const size_t begin = cut < first.size() ? 0 : first.size();
    EXPECT_EQ(result.error().message,
              cut == 0 ? "zstd: no input"
                       : fmt::format(
                             "zstd: input ends at byte {}, within the frame that began at byte {}",
                             cut, begin));
    EXPECT_EQ(result.error().code, cut == 0 ? ErrorCode::kInvalidInput : ErrorCode::kMalformed);
  }
}

TEST(Zstd, SaysWhatIsWrongWithGarbage) {
  ExpectError("<html>503</html>", {}, ErrorCode::kMalformed,
              "zstd: the frame at byte 0: Unknown frame descriptor");
  ExpectError(std::string("\x1f\x8b\x08\x00", 4), {}, ErrorCode::kMalformed,
              "zstd: the frame at byte 0: Unknown frame descriptor");
  ExpectError(Compress("good") + "tail", {}, ErrorCode::kMalformed,
              "zstd: the frame at byte 17: Unknown frame descriptor");
  // The format of zstd 0.7: read by the library, not by us.
  ExpectError(std::string("\x27\xb5\x2f\xfd\x00\x00\x00\x00\x00\x00", 10), {},
              ErrorCode::kMalformed, "zstd: the frame at byte 0: Unknown frame descriptor");
}

TEST(Zstd, DetectsAFlippedBitInTheContentChecksum) {
  std::string frame = Compress("some content");
  frame.back() = static_cast<char>(frame.back() ^ 1);
  const Result<std::string> result = Decompress(frame);
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, testing::EndsWith("Restored data doesn't match checksum"));
}

TEST(Zstd, FramesOfSmallNumbersHaveNoChecksum) {
  std::string with;
  std::string without;
  Compressor().Append("content", with);
  Compressor::ForSmallNumbers().Append("content", without);
  EXPECT_EQ(with.size(), without.size() + 4);
  EXPECT_EQ(Decompress(without), std::string("content"));
}

TEST(Zstd, HoldsTheOutputLimitToTheByte) {
  const std::string frames = Compress(MixedContent(60'000)) + Compress(MixedContent(40'000));
  const Result<std::string> exact = Decompress(frames, {.output_bytes = 100'000});
  ASSERT_TRUE(exact) << exact.error().message;
  EXPECT_EQ(exact->size(), 100'000u);
  ExpectError(frames, {.output_bytes = 99'999}, ErrorCode::kResourceExhausted,
              "zstd: output exceeds the limit of 99999 bytes");
  ExpectError(frames, {.output_bytes = 60'000}, ErrorCode::kResourceExhausted,
              "zstd: output exceeds the limit of 60000 bytes");
  ExpectError(frames, {.output_bytes = 0}, ErrorCode::kResourceExhausted,
              "zstd: output exceeds the limit of 0 bytes");
}

TEST(Zstd, HoldsTheRatioOnceTheOutputIsOverOneMebibyte) {
  const std::string mebibyte = Compress(std::string(size_t{1} << 20, '\0'));
  ASSERT_LT(mebibyte.size(), 100u);
  EXPECT_TRUE(Decompress(mebibyte));
  const std::string more = Compress(std::string((size_t{1} << 20) + 1, '\0'));
  ExpectError(more, {}, ErrorCode::kResourceExhausted,
              fmt::format("zstd: output exceeds 1048576 bytes, the limit for an input of {} bytes",
                          more.size()));
  EXPECT_TRUE(Decompress(more, {.ratio = 100'000}));
}

TEST(Zstd, StopsBombsWithinTheLimitsAndWithLittleMemory) {
  const std::string bomb = RleBomb(8192);  // 1 GiB in 32 KiB, no declared size
  ASSERT_EQ(bomb.size(), 32'774u);
  rusage before{};
  ASSERT_EQ(getrusage(RUSAGE_SELF, &before), 0);
  ExpectError(bomb, {}, ErrorCode::kResourceExhausted,
              "zstd: output exceeds 3277400 bytes, the limit for an input of 32774 bytes");
  ExpectError(bomb, {.output_bytes = 1000}, ErrorCode::kResourceExhausted,
              "zstd: output exceeds the limit of 1000 bytes");
  // A true frame that declares its gigabyte; 4 MiB pieces keep this test's own memory low.
  std::string frames;
  const std::string piece = Compress(std::string(size_t{4} << 20, '\0'));
  for (int i = 0; i < 256; ++i) frames += piece;
  ExpectError(frames, {}, ErrorCode::kResourceExhausted,
              fmt::format("zstd: output exceeds {} bytes, the limit for an input of {} bytes",
                          100 * frames.size(), frames.size()));
  rusage after{};
  ASSERT_EQ(getrusage(RUSAGE_SELF, &after), 0);
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 64 << 10) << "KiB";
}

TEST(Zstd, DoesNotBelieveADeclaredContentSize) {
  // Single segment, 8-byte content size of 2^60, one raw block of one byte.
  std::string lie("\x28\xb5\x2f\xfd\xe0\x00\x00\x00\x00\x00\x00\x00\x10\x09\x00\x00x", 17);
  ExpectError(lie, {}, ErrorCode::kResourceExhausted,
              "zstd: the frame at byte 0 wants a window above the limit of 8388608 bytes");
  // 2^20 - 1 declared within the window limit, one byte delivered.
  lie = std::string("\x28\xb5\x2f\xfd\xa0\xff\xff\x0f\x00\x09\x00\x00x", 13);
  const Result<std::string> result = Decompress(lie);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "zstd: the frame at byte 0: Data corruption detected");
}

TEST(Zstd, RefusesWindowsAboveTheLimit) {
  // Window exponent 14: 16 MiB.
  const std::string wide("\x28\xb5\x2f\xfd\x00\x70\x01\x00\x00", 9);
  ExpectError(Compress("x") + wide, {}, ErrorCode::kResourceExhausted,
              "zstd: the frame at byte 14 wants a window above the limit of 8388608 bytes");
  EXPECT_TRUE(Decompress(wide, {.window_log = 24}));
}

}  // namespace
}  // namespace shared::wire
