// Reads a journal of rounds from any bytes; what it gives out must be consistent.
#include <cstdint>
#include <string_view>

#include "agent/pipeline/open_blocks.h"
#include "agent/pipeline/round_journal.h"
#include "shared/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using agent::pipeline::OpenBlocks;
  const auto content = agent::pipeline::ReadJournal({reinterpret_cast<const char*>(data), size});
  if (!content) return 0;
  OpenBlocks blocks;
  for (const agent::pipeline::MetricRound& round : content->rounds) {
    CHECK(round.layout != nullptr);
    CHECK(blocks.Add(round) != OpenBlocks::Added::kMalformed);
  }
  return 0;
}
