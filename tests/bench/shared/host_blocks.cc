#include "tests/bench/shared/host_blocks.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <random>

namespace shared::bench {
namespace {

enum class Kind {
  kConstant,
  kRareCounter,
  kCounter,
  kCpuSeconds,
  kMemory,
  kLoad,
  kTemperature,
  kEntropy
};

// One series' present; Next() moves it on by 10 s.
class Source {
 public:
  Source(Kind kind, std::mt19937_64& random) : kind_(kind) {
    std::uniform_real_distribution<double> unit(0, 1);
    const double age_seconds = 86400 * (1 + 60 * unit(random));
    switch (kind) {
      case Kind::kConstant: {
        // Half of the constants are 0 or 1, the rest capacities and settings.
        const double draw = unit(random);
        value_ = draw < 0.4   ? 0
                 : draw < 0.5 ? 1
                 : draw < 0.8 ? std::floor(std::pow(10, 1 + 4 * unit(random)))
                              : 4096 * std::floor(std::pow(10, 3 + 4 * unit(random)));
        break;
      }
      case Kind::kRareCounter:
        rate_ = 0.02;
        value_ = std::floor(std::pow(10, 4 * unit(random)));
        break;
      case Kind::kCounter:
        rate_ = std::pow(10, -0.5 + 4.5 * unit(random));  // per tick
        value_ = std::floor(rate_ / 10 * age_seconds);
        break;
      case Kind::kCpuSeconds:
        rate_ = std::pow(10, -2 + 3 * unit(random));  // seconds per tick
        value_ = std::floor(rate_ / 10 * age_seconds * 100);
        break;
      case Kind::kMemory:
        value_ = std::floor(std::pow(10, 3 + 3 * unit(random)));
        break;
      case Kind::kLoad:
        value_ = std::floor(800 * unit(random));
        break;
      case Kind::kTemperature:
        value_ = std::floor(80 + 60 * unit(random));
        break;
      case Kind::kEntropy:
        value_ = unit(random) * 100;
        break;
    }
  }

  double Next(double day_fraction, std::mt19937_64& random) {
    std::uniform_real_distribution<double> unit(0, 1);
    std::normal_distribution<double> normal(0, 1);
    const double day = 1 + 0.5 * std::sin(2 * std::numbers::pi * day_fraction);
    switch (kind_) {
      case Kind::kConstant:
        return value_;
      case Kind::kRareCounter:
        if (unit(random) < rate_) value_ += 1 + std::floor(3 * unit(random));
        return value_;
      case Kind::kCounter: {
        const double burst = unit(random) < 0.01 ? 20 : 1;
        value_ +=
            static_cast<double>(std::poisson_distribution<int64_t>(rate_ * day * burst)(random));
        return value_;
      }
      case Kind::kCpuSeconds:
        value_ += std::max(0.0, std::round(100 * rate_ * day * (1 + 0.2 * normal(random))));
        return value_ / 100;
      case Kind::kMemory:
        if (unit(random) < 0.7) value_ += std::round(normal(random) * 40);
        value_ = std::max(value_, 1.0);
        return value_ * 4096;
      case Kind::kLoad:
        value_ = std::max(0.0, value_ + std::round(normal(random) * 6));
        return value_ / 100;
      case Kind::kTemperature:
        value_ += std::round(normal(random) * 0.6);
        return value_ / 2;
      case Kind::kEntropy:
        value_ = std::abs(value_ + normal(random));
        return value_;
    }
    return 0;
  }

 private:
  Kind kind_;
  double value_ = 0;
  double rate_ = 0;
};

std::vector<Source> MakeSources(uint32_t series, std::mt19937_64& random) {
  struct Share {
    Kind kind;
    uint32_t of_500;
  };
  constexpr Share kShares[] = {{Kind::kConstant, 150},   {Kind::kRareCounter, 75},
                               {Kind::kCounter, 100},    {Kind::kCpuSeconds, 75},
                               {Kind::kMemory, 60},      {Kind::kLoad, 15},
                               {Kind::kTemperature, 10}, {Kind::kEntropy, 15}};
  std::vector<Source> sources;
  for (uint32_t i = 0; i < series; ++i) {
    // A layout groups its series by what they measure, so like stand beside like.
    uint32_t place = static_cast<uint32_t>(uint64_t{i} * 500 / series);
    const Share* share = kShares;
    while (place >= share->of_500) place -= share++->of_500;
    sources.emplace_back(share->kind, random);
  }
  return sources;
}

}  // namespace

std::vector<model::Block> MakeHostBlocks(uint64_t seed, uint32_t series, uint32_t ticks,
                                         size_t count) {
  constexpr int64_t kInterval = 10'000'000'000;
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> unit(0, 1);
  std::vector<Source> sources = MakeSources(series, random);
  const int64_t begin =
      1'767'225'600'000'000'000 + static_cast<int64_t>(9999 * unit(random)) * 1'000'000;
  std::vector<model::Block> blocks(count);
  int64_t tick = 0;
  for (model::Block& block : blocks) {
    block.series = series;
    block.values.resize(size_t{series} * ticks);
    for (uint32_t t = 0; t < ticks; ++t, ++tick) {
      const double draw = unit(random);
      const int64_t jitter = draw < 0.05 ? -1 : draw < 0.1 ? 1 : 0;
      const int64_t jitter_ms = jitter * (1 + static_cast<int64_t>(2 * unit(random)));
      block.times_unix_nano.push_back(begin + tick * kInterval + jitter_ms * 1'000'000);
      for (uint32_t s = 0; s < series; ++s) {
        block.values[size_t{s} * ticks + t] =
            sources[s].Next(static_cast<double>(tick) / 8640, random);
      }
    }
  }
  return blocks;
}

}  // namespace shared::bench
