// The block codec on one core, by CPU time of the thread: 10 hosts of the mix in host_blocks.h, 500
// series each, in blocks of 3, 6 and 30 ticks; medians over rounds. Every block is decoded and
// compared bit for bit first. One line per block size, then one JSON object of the figures for 6.

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <cstring>
#include <functional>

#include "shared/base/check.h"
#include "shared/wire/block_codec.h"
#include "tests/bench/shared/host_blocks.h"

namespace shared::bench {
namespace {

constexpr uint32_t kSeries = 500;
constexpr int kRounds = 41;

struct Figures {
  double encode_msps = 0;  // million samples a second
  double decode_msps = 0;
  double bytes_per_sample = 0;
};

double ThreadCpuSeconds() {
  timespec now{};
  CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double MedianSeconds(const std::function<void()>& round) {
  std::vector<double> seconds;
  for (int i = 0; i < kRounds; ++i) {
    const double begin = ThreadCpuSeconds();
    round();
    seconds.push_back(ThreadCpuSeconds() - begin);
  }
  std::nth_element(seconds.begin(), seconds.begin() + kRounds / 2, seconds.end());
  return seconds[kRounds / 2];
}

bool SameBits(const model::Block& a, const model::Block& b) {
  return a.times_unix_nano == b.times_unix_nano && a.values.size() == b.values.size() &&
         std::memcmp(a.values.data(), b.values.data(), a.values.size() * sizeof(double)) == 0;
}

Figures Measure(uint32_t ticks, size_t blocks_per_host) {
  std::vector<model::Block> blocks;
  for (uint64_t host = 0; host < 10; ++host) {
    for (model::Block& block : MakeHostBlocks(host, kSeries, ticks, blocks_per_host)) {
      blocks.push_back(std::move(block));
    }
  }
  wire::BlockEncoder encoder;
  wire::BlockDecoder decoder;
  std::vector<std::string> payloads(blocks.size());
  model::Block decoded;
  size_t bytes = 0;
  for (size_t i = 0; i < blocks.size(); ++i) {
    encoder.Encode(blocks[i], payloads[i]);
    bytes += payloads[i].size();
    CHECK(decoder.Decode(payloads[i], kSeries, ticks, decoded));
    CHECK(SameBits(blocks[i], decoded));
  }
  const double samples = static_cast<double>(blocks.size()) * kSeries * ticks;
  std::string payload;
  const double encode_seconds = MedianSeconds([&] {
    for (const model::Block& block : blocks) {
      payload.clear();
      encoder.Encode(block, payload);
    }
  });
  const double decode_seconds = MedianSeconds([&] {
    for (const std::string& one : payloads) CHECK(decoder.Decode(one, kSeries, ticks, decoded));
  });
  return {.encode_msps = samples / encode_seconds / 1e6,
          .decode_msps = samples / decode_seconds / 1e6,
          .bytes_per_sample = static_cast<double>(bytes) / samples};
}

void Run() {
  Figures of_six;
  for (const uint32_t ticks : {3u, 6u, 30u}) {
    const Figures figures = Measure(ticks, 360 / ticks);
    fmt::print(
        "{} series x {} ticks: encode {:.1f} M samples/s, decode {:.1f} M samples/s, {:.3f} "
        "B/sample\n",
        kSeries, ticks, figures.encode_msps, figures.decode_msps, figures.bytes_per_sample);
    if (ticks == 6) of_six = figures;
  }
  fmt::print(
      R"({{"encode_msps":{:.1f},"decode_msps":{:.1f},"bytes_per_sample":{:.3f},"series":{},"ticks":6}})"
      "\n",
      of_six.encode_msps, of_six.decode_msps, of_six.bytes_per_sample, kSeries);
}

}  // namespace
}  // namespace shared::bench

int main() {
  shared::bench::Run();
}
