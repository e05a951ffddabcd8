#pragma once

#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/pipeline/batch_sink.h"
#include "agent/pipeline/telemetry.h"
#include "pgvigil/v1/batch.pb.h"
#include "shared/wire/zstd.h"

namespace agent::pipeline {

struct ScratchDirectory {
  ScratchDirectory() {
    char name[] = "/tmp/pgvigil-pipeline-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~ScratchDirectory() { std::filesystem::remove_all(path); }
  std::string path;
};

// A layout of one gauge for each name.
inline std::shared_ptr<const shared::model::Layout> LayoutOf(
    const std::vector<std::string>& names) {
  auto layout = std::make_shared<shared::model::Layout>();
  layout->common_labels = {{"host.name", "db1"}};
  for (const std::string& name : names) {
    layout->series.push_back({name, "1", shared::model::MetricKind::kGauge, {{"cpu", "0"}}});
  }
  layout->hash = ComputeHash(layout->common_labels, layout->series);
  return layout;
}

inline MetricRound RoundAt(std::shared_ptr<const shared::model::Layout> layout, int64_t seconds,
                           std::vector<double> values) {
  return {std::move(layout), shared::FromUnixNanos(seconds * 1'000'000'000), std::move(values)};
}

// Keeps batches in memory, decoded.
class FakeSink final : public BatchSink {
 public:
  [[nodiscard]] uint64_t incarnation() const override { return 7; }
  [[nodiscard]] uint64_t last_sequence() const override { return batches.size(); }
  shared::Result<uint64_t> Append(std::string_view payload, uint64_t items) override {
    if (fail) return shared::Fail(shared::ErrorCode::kUnavailable, "write: Input/output error");
    pgvigil::v1::Batch batch;
    batch.ParseFromString(shared::wire::Decompress(payload).value());
    batches.push_back(std::move(batch));
    items_of.push_back(items);
    return batches.size();
  }
  shared::Result<void> Sync() override {
    synced = batches.size();
    return {};
  }
  [[nodiscard]] std::optional<shared::MonotonicTime> sync_due() const override { return due; }

  std::vector<pgvigil::v1::Batch> batches;
  std::vector<uint64_t> items_of;
  size_t synced = 0;
  bool fail = false;
  std::optional<shared::MonotonicTime> due;
};

}  // namespace agent::pipeline
