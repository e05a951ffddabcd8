#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/pipeline/drops.h"
#include "agent/spool/spool.h"
#include "tests/support/fake_clock.h"
#include "tests/support/faulty_files.h"

namespace agent::spool {

// A spool of small segments over files that fail on demand.
class SpoolTest : public testing::Test {
 protected:
  SpoolTest() {
    options.directory = "/spool";
    options.stream = pgvigil::v1::STREAM_METRICS;
    options.segment_bytes = 16384;
    options.max_bytes = 64 * options.segment_bytes;
  }

  void Open() {
    Result<std::unique_ptr<Spool>> opened = Spool::Open(options, files, clock, drops);
    ASSERT_TRUE(opened) << opened.error().message;
    spool = std::move(*opened);
  }
  void Reopen() {
    spool.reset();
    Open();
  }
  void KillAndReopen() {
    files.Kill();
    Reopen();
  }
  void CutPowerAndReopen() {
    files.PowerCut();
    Reopen();
  }

  uint64_t Append(const std::string& payload, uint64_t items = 1) {
    const Result<uint64_t> sequence = spool->Append(payload, items);
    EXPECT_TRUE(sequence) << sequence.error().message;
    return sequence.value_or(0);
  }
  void AppendDurably(const std::vector<std::string>& payloads) {
    for (const std::string& payload : payloads) Append(payload);
    ASSERT_TRUE(spool->Sync());
  }
  // Takes and settles everything that waits.
  std::vector<std::string> Drain() {
    std::vector<std::string> out;
    while (const std::optional<ship::OutgoingBatch> batch = spool->Next()) {
      out.push_back(batch->body);
      spool->Acknowledge(batch->incarnation, batch->sequence);
    }
    return out;
  }
  uint64_t Dropped(const std::string& reason) const {
    for (const pgvigil::v1::Dropped& dropped : drops.Snapshot()) {
      if (dropped.reason() == reason) return dropped.items();
    }
    return 0;
  }

  SpoolOptions options;
  tests::FaultyFiles files;
  tests::FakeClock clock;
  pipeline::Drops drops;
  std::unique_ptr<Spool> spool;
};

}  // namespace agent::spool
