#pragma once

#include <chrono>

// What a question for samples can be answered from. Measured samples come from chunks, blocks and
// memory together (sample_reader.h): no answer tells which of these had them. Rollups are another
// thing than samples, so an answer from one says its resolution.
namespace collector::storage {

enum class SampleTier { kMeasured, kFiveMinutes, kHour };

// One value per so long; zero: every sample.
constexpr std::chrono::milliseconds ResolutionOf(SampleTier tier) {
  switch (tier) {
    case SampleTier::kFiveMinutes:
      return std::chrono::minutes(5);
    case SampleTier::kHour:
      return std::chrono::hours(1);
    default:
      return {};
  }
}

// The coarsest tier whose values make up whole steps. Zero: every sample is wanted.
constexpr SampleTier CoarsestTier(std::chrono::milliseconds step) {
  for (const SampleTier tier : {SampleTier::kHour, SampleTier::kFiveMinutes}) {
    if (step >= ResolutionOf(tier) && step % ResolutionOf(tier) == step.zero()) return tier;
  }
  return SampleTier::kMeasured;
}

}  // namespace collector::storage
