#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/pipeline/batch_sink.h"
#include "agent/pipeline/drops.h"
#include "agent/pipeline/layout_store.h"
#include "agent/pipeline/open_blocks.h"
#include "agent/pipeline/round_journal.h"
#include "agent/pipeline/telemetry.h"
#include "pgvigil/v1/batch.pb.h"
#include "shared/base/clock.h"
#include "shared/log/log.h"
#include "shared/wire/block_codec.h"
#include "shared/wire/zstd.h"

namespace agent::pipeline {

struct BatcherOptions {
  std::string agent_id;            // 16 bytes
  pgvigil::v1::Resource resource;  // goes with every batch
  std::chrono::milliseconds period{60'000};
  size_t size_limit_bytes = size_t{2} << 20;  // of gathered values: closes a batch early
  std::chrono::milliseconds journal_sync_period{1'000};
};

// What a batcher works with. All must outlive it.
struct BatcherParts {
  BatchSink& metrics;
  BatchSink& statements;
  LayoutStore& layouts;
  Drops& drops;
  const shared::Clock& clock;
  std::function<pgvigil::v1::AgentStatus()> status;  // goes with every metrics batch
  // nullopt: could not be opened; then the end of the process loses what is gathered.
  std::optional<RoundJournal> journal;
  std::optional<JournalContent> found;  // what the journal held
};

// Makes batches of what the sources measure, and puts them into the spool: metric rounds by the
// minute, the first of a new shape at once; statements and texts as they come. One thread.
class Batcher {
 public:
  // Puts what the journal held into the spool, unless it is there already.
  Batcher(BatcherOptions options, BatcherParts parts);

  void Take(Telemetry telemetry);
  // Does what is due. Call after Take, and at next_due().
  void Tick();
  [[nodiscard]] std::optional<shared::MonotonicTime> next_due() const;
  // Puts everything that is gathered into the spool, durably.
  void Flush();

 private:
  void TakeRound(const MetricRound& round);
  void TakeStatements(StatementRound round);
  void TakeTexts(TextRound round);
  void Gather(const MetricRound& round);
  void NoteLayout(const std::shared_ptr<const shared::model::Layout>& layout);
  void FlushMetrics();
  void BeginJournal();
  void KeepLayoutsInUse();
  pgvigil::v1::Batch NewBatch(const BatchSink& sink, pgvigil::v1::Stream stream) const;
  // False: it is lost, and counted.
  bool Append(BatchSink& sink, const pgvigil::v1::Batch& batch, uint64_t items);

  const BatcherOptions options_;
  BatcherParts parts_;
  OpenBlocks blocks_;
  shared::wire::BlockEncoder encoder_;
  shared::wire::Compressor compressor_;
  std::set<shared::model::LayoutHash> known_layouts_;  // sent by this process
  std::vector<std::shared_ptr<const shared::model::Layout>> new_layouts_;
  std::optional<shared::MonotonicTime> flush_due_;  // while something is gathered
  std::optional<shared::MonotonicTime> last_flush_;
  std::optional<shared::MonotonicTime> journal_sync_due_;
  shared::MonotonicTime upkeep_due_;
  shared::log::RateLimit error_log_;
};

}  // namespace agent::pipeline
