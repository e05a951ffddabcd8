#include "agent/pipeline/batcher.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "agent/pipeline/layout_message.h"

namespace agent::pipeline {
namespace {

using pgvigil::v1::STREAM_METRICS;
using pgvigil::v1::STREAM_STATEMENTS;
using shared::MonotonicTime;
using shared::model::Block;
using shared::model::Layout;

// Between batches that go out early because a layout is new: a series that comes and goes each
// second must not make a batch each second.
constexpr std::chrono::seconds kEarlyFlushGap{10};
constexpr std::chrono::hours kUpkeepPeriod{24};
constexpr std::chrono::hours kLayoutAge{24 * 30};
constexpr size_t kMostKnownLayouts = 4096;

}  // namespace

Batcher::Batcher(BatcherOptions options, BatcherParts parts)
    : options_(std::move(options)),
      parts_(std::move(parts)),
      upkeep_due_(parts_.clock.Monotonic() + kUpkeepPeriod) {
  parts_.layouts.RemoveUnused(kLayoutAge);
  const std::optional<JournalContent> found = std::exchange(parts_.found, std::nullopt);
  const bool in_spool = found && found->incarnation == parts_.metrics.incarnation() &&
                        found->sequence <= parts_.metrics.last_sequence();
  if (found && !in_spool) {
    for (const MetricRound& round : found->rounds) Gather(round);
    if (!found->rounds.empty()) {
      shared::log::Info("{} rounds that the last run had gathered are kept", found->rounds.size());
    }
  }
  if (blocks_.empty()) {
    BeginJournal();
  } else {
    FlushMetrics();
  }
  last_flush_.reset();  // so that the first round goes out at once
}

void Batcher::Take(Telemetry telemetry) {
  std::visit(
      [this](auto& one) {
        using Kind = std::decay_t<decltype(one)>;
        if constexpr (std::is_same_v<Kind, MetricRound>) TakeRound(one);
        if constexpr (std::is_same_v<Kind, StatementRound>) TakeStatements(std::move(one));
        if constexpr (std::is_same_v<Kind, TextRound>) TakeTexts(std::move(one));
      },
      telemetry);
}

void Batcher::TakeRound(const MetricRound& round) {
  if (parts_.journal) {
    shared::Result<void> kept = parts_.journal->Append(round);
    if (!kept && kept.error().code == shared::ErrorCode::kResourceExhausted) {
      FlushMetrics();
      kept = parts_.journal->Append(round);
    }
    if (!kept && error_log_.Allow()) shared::log::Error("journal: {}", kept.error().message);
    if (!journal_sync_due_) {
      journal_sync_due_ = parts_.clock.Monotonic() + options_.journal_sync_period;
    }
  }
  Gather(round);
}

void Batcher::Gather(const MetricRound& round) {
  const auto drop = [&](std::string_view reason) {
    parts_.drops.Add(STREAM_METRICS, reason, round.values.size());
  };
  switch (blocks_.Add(round)) {
    case OpenBlocks::Added::kRepeated:
      return drop("repeated_time");
    case OpenBlocks::Added::kTooLarge:
      return drop("series_limit");
    case OpenBlocks::Added::kMalformed:
      return drop("malformed_round");
    case OpenBlocks::Added::kYes:
      break;
  }
  if (blocks_.empty()) return;
  const MonotonicTime now = parts_.clock.Monotonic();
  if (!flush_due_) flush_due_ = now + options_.period;
  NoteLayout(round.layout);
  if (blocks_.bytes() >= options_.size_limit_bytes) flush_due_ = now;
}

void Batcher::NoteLayout(const std::shared_ptr<const Layout>& layout) {
  if (known_layouts_.size() >= kMostKnownLayouts) known_layouts_.clear();
  if (layout->series.empty() || !known_layouts_.insert(layout->hash).second) return;
  new_layouts_.push_back(layout);
  if (const shared::Result<void> put = parts_.layouts.Put(*layout); !put && error_log_.Allow()) {
    shared::log::Error("layouts: {}", put.error().message);
  }
  const MonotonicTime now = parts_.clock.Monotonic();
  const MonotonicTime early = last_flush_ ? std::max(now, *last_flush_ + kEarlyFlushGap) : now;
  flush_due_ = std::min(flush_due_.value_or(early), early);
}

void Batcher::Tick() {
  const MonotonicTime now = parts_.clock.Monotonic();
  if (flush_due_ && *flush_due_ <= now) FlushMetrics();
  if (journal_sync_due_ && *journal_sync_due_ <= now) {
    journal_sync_due_.reset();
    const shared::Result<void> synced = parts_.journal->Sync();
    if (!synced && error_log_.Allow()) shared::log::Error("journal: {}", synced.error().message);
  }
  for (BatchSink* sink : {&parts_.metrics, &parts_.statements}) {
    // The spool logs and counts its own failures, and tries again.
    if (const auto due = sink->sync_due(); due && *due <= now) static_cast<void>(sink->Sync());
  }
  if (upkeep_due_ <= now) KeepLayoutsInUse();
}

std::optional<MonotonicTime> Batcher::next_due() const {
  std::optional<MonotonicTime> next = upkeep_due_;
  for (const auto& due :
       {flush_due_, journal_sync_due_, parts_.metrics.sync_due(), parts_.statements.sync_due()}) {
    if (due) next = std::min(*next, *due);
  }
  return next;
}

void Batcher::Flush() {
  FlushMetrics();
  static_cast<void>(parts_.metrics.Sync());
  static_cast<void>(parts_.statements.Sync());
}

void Batcher::FlushMetrics() {
  flush_due_.reset();
  if (blocks_.empty()) return;
  last_flush_ = parts_.clock.Monotonic();
  const uint64_t samples = blocks_.samples();
  pgvigil::v1::Batch batch = NewBatch(parts_.metrics, STREAM_METRICS);
  for (const auto& layout : new_layouts_) *batch.add_layouts() = ToMessage(*layout);
  new_layouts_.clear();
  blocks_.Take([&](const Layout& layout, const Block& block) {
    pgvigil::v1::MetricBlock& out = *batch.add_blocks();
    out.set_layout_hash(layout.hash.bytes.data(), layout.hash.bytes.size());
    out.set_first_unix_nano(static_cast<uint64_t>(block.times_unix_nano.front()));
    out.set_last_unix_nano(static_cast<uint64_t>(block.times_unix_nano.back()));
    out.set_ticks(static_cast<uint32_t>(block.ticks()));
    out.set_series(block.series);
    encoder_.Encode(block, *out.mutable_payload());
  });
  if (parts_.status) *batch.mutable_status() = parts_.status();
  Append(parts_.metrics, batch, samples);
  // Before the journal forgets them, or a power cut would lose a minute.
  static_cast<void>(parts_.metrics.Sync());
  BeginJournal();
}

void Batcher::BeginJournal() {
  if (!parts_.journal) return;
  journal_sync_due_.reset();
  const shared::Result<void> begun =
      parts_.journal->Begin(parts_.metrics.incarnation(), parts_.metrics.next_sequence());
  if (!begun && error_log_.Allow()) shared::log::Error("journal: {}", begun.error().message);
}

void Batcher::TakeStatements(StatementRound round) {
  BatchSink& sink = parts_.statements;
  pgvigil::v1::Batch batch = NewBatch(sink, STREAM_STATEMENTS);
  // False: the source keeps its old baseline, and the next interval covers this one too.
  if (round.before_append && !round.before_append(batch.incarnation(), batch.sequence())) return;
  const auto deltas = static_cast<uint64_t>(round.interval.deltas_size());
  *batch.add_statements() = std::move(round.interval);
  Append(sink, batch, deltas);
  static_cast<void>(sink.Sync());
}

void Batcher::TakeTexts(TextRound round) {
  pgvigil::v1::Batch batch = NewBatch(parts_.statements, STREAM_STATEMENTS);
  const auto texts = static_cast<uint64_t>(round.texts.texts_size());
  *batch.add_texts() = std::move(round.texts);
  Append(parts_.statements, batch, texts);
}

pgvigil::v1::Batch Batcher::NewBatch(const BatchSink& sink, pgvigil::v1::Stream stream) const {
  pgvigil::v1::Batch batch;
  batch.set_agent_id(options_.agent_id);
  batch.set_incarnation(sink.incarnation());
  batch.set_stream(stream);
  batch.set_sequence(sink.next_sequence());
  batch.set_created_unix_nano(static_cast<uint64_t>(shared::ToUnixNanos(parts_.clock.Now())));
  *batch.mutable_resource() = options_.resource;
  return batch;
}

bool Batcher::Append(BatchSink& sink, const pgvigil::v1::Batch& batch, uint64_t items) {
  std::string payload;
  compressor_.Append(batch.SerializeAsString(), payload);
  const shared::Result<uint64_t> appended = sink.Append(payload, items);
  if (appended) return true;
  const bool too_large = appended.error().code == shared::ErrorCode::kInvalidInput;
  parts_.drops.Add(batch.stream(), too_large ? "too_large" : "spool_error", items, payload.size());
  if (error_log_.Allow()) {
    shared::log::Error("a batch of {} items is lost: {}", items, appended.error().message);
  }
  return false;
}

void Batcher::KeepLayoutsInUse() {
  upkeep_due_ = parts_.clock.Monotonic() + kUpkeepPeriod;
  for (const shared::model::LayoutHash& hash : known_layouts_) parts_.layouts.Touch(hash);
  parts_.layouts.RemoveUnused(kLayoutAge);
  known_layouts_.clear();  // those still in use come back, and into the next batches
}

}  // namespace agent::pipeline
