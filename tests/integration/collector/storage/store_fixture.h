#pragma once

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "collector/storage/store.h"
#include "shared/metrics/registry.h"
#include "shared/model/block.h"
#include "shared/model/layout.h"
#include "shared/wire/block_codec.h"
#include "tests/support/batch_builder.h"
#include "tests/support/fake_clock.h"
#include "tests/support/postgres_server.h"

namespace tests {

using collector::storage::Store;
using collector::storage::StoreOptions;
using shared::Result;

inline constexpr int64_t kSecond = 1'000'000'000;
// 2026-01-01 00:00 UTC, FakeClock's beginning.
inline constexpr int64_t kStart = 1'767'225'600 * kSecond;

// A batch of agent `agent` (16 bytes are made of it) on host "db-<agent>".
inline pgvigil::v1::Batch AgentBatch(pgvigil::v1::Stream stream, int agent, uint64_t sequence,
                                     uint64_t incarnation = 7) {
  pgvigil::v1::Batch batch;
  std::string id(16, '\0');
  for (int i = 0; i < 4; ++i) id[static_cast<size_t>(15 - i)] = static_cast<char>(agent >> (8 * i));
  batch.set_agent_id(id);
  batch.set_incarnation(incarnation);
  batch.set_stream(stream);
  batch.set_sequence(sequence);
  const auto attribute = [&](const char* name, const std::string& value) {
    auto* one = batch.mutable_resource()->add_attributes();
    one->set_name(name);
    one->set_value(value);
  };
  attribute("host.id", "key-" + std::to_string(agent));
  attribute("host.name", "db-" + std::to_string(agent));
  return batch;
}

// `count` gauges test.value{n="0"}, {n="1"} … with the common label job="test".
inline shared::model::Layout MakeLayout(size_t count) {
  shared::model::Layout layout;
  layout.common_labels = {{"job", "test"}};
  for (size_t i = 0; i < count; ++i) {
    layout.series.push_back(
        {"test.value", "By", shared::model::MetricKind::kGauge, {{"n", std::to_string(i)}}});
  }
  layout.hash = shared::model::ComputeHash(layout.common_labels, layout.series);
  return layout;
}

inline std::string HashBytes(const shared::model::Layout& layout) {
  return {reinterpret_cast<const char*>(layout.hash.bytes.data()), layout.hash.bytes.size()};
}

inline void AddLayout(pgvigil::v1::Batch& batch, const shared::model::Layout& layout) {
  auto* out = batch.add_layouts();
  out->set_hash(HashBytes(layout));
  for (const auto& label : layout.common_labels) {
    auto* one = out->add_common_labels();
    one->set_name(label.name);
    one->set_value(label.value);
  }
  for (const auto& series : layout.series) {
    auto* one = out->add_series();
    one->set_name(series.name);
    one->set_unit(series.unit);
    one->set_kind(static_cast<pgvigil::v1::MetricKind>(series.kind));
    for (const auto& label : series.labels) {
      auto* attribute = one->add_labels();
      attribute->set_name(label.name);
      attribute->set_value(label.value);
    }
  }
}

inline void AddBlock(pgvigil::v1::Batch& batch, const shared::model::Layout& layout,
                     const shared::model::Block& block) {
  auto* out = batch.add_blocks();
  out->set_layout_hash(HashBytes(layout));
  out->set_first_unix_nano(static_cast<uint64_t>(block.times_unix_nano.front()));
  out->set_last_unix_nano(static_cast<uint64_t>(block.times_unix_nano.back()));
  out->set_ticks(static_cast<uint32_t>(block.ticks()));
  out->set_series(block.series);
  shared::wire::BlockEncoder().Encode(block, *out->mutable_payload());
}

// `ticks` ticks every 10 s from `first`; value = base + series * 1000 + tick.
inline shared::model::Block MakeBlock(size_t series, size_t ticks, int64_t first, double base = 0) {
  shared::model::Block block;
  block.series = static_cast<uint32_t>(series);
  for (size_t tick = 0; tick < ticks; ++tick) {
    block.times_unix_nano.push_back(first + static_cast<int64_t>(tick) * 10 * kSecond);
  }
  for (size_t s = 0; s < series; ++s) {
    for (size_t tick = 0; tick < ticks; ++tick) {
      block.values.push_back(base + static_cast<double>(s * 1000 + tick));
    }
  }
  return block;
}

// One log file of an agent; records are appended with lines of fixed length.
class LogFileWriter {
 public:
  explicit LogFileWriter(char id,
                         pgvigil::v1::LogFormat format = pgvigil::v1::LOG_FORMAT_POSTGRES_JSON)
      : id_(16, id), format_(format) {}

  pgvigil::v1::LogChunk* Begin(pgvigil::v1::Batch& batch, uint64_t begin_offset) const {
    auto* chunk = batch.add_logs();
    chunk->mutable_file()->set_id(id_);
    chunk->mutable_file()->set_path("/var/log/" + id_.substr(0, 1) + ".log");
    chunk->mutable_file()->set_format(format_);
    chunk->set_begin_offset(begin_offset);
    chunk->set_end_offset(begin_offset);
    return chunk;
  }
  // A record of 100 bytes after what the chunk has.
  static pgvigil::v1::LogRecord* Append(pgvigil::v1::LogChunk* chunk, int64_t time,
                                        uint32_t severity, const std::string& body) {
    auto* record = chunk->add_records();
    record->set_offset(chunk->end_offset());
    record->set_length(100);
    record->set_time_unix_nano(static_cast<uint64_t>(time));
    record->set_severity_number(severity);
    record->set_severity_text(severity >= 17 ? "ERROR" : "LOG");
    record->set_body(body);
    chunk->set_end_offset(chunk->end_offset() + 100);
    return record;
  }

 private:
  std::string id_;
  pgvigil::v1::LogFormat format_;
};

inline std::future<Result<pgvigil::v1::BatchReply>> SubmitAsync(Store& store,
                                                                pgvigil::v1::Batch batch,
                                                                int32_t tenant = 1) {
  auto promise = std::make_shared<std::promise<Result<pgvigil::v1::BatchReply>>>();
  std::future<Result<pgvigil::v1::BatchReply>> future = promise->get_future();
  collector::ingest::AcceptedBatch accepted;
  accepted.tenant.value = tenant;
  accepted.cost_bytes = batch.ByteSizeLong();
  accepted.batch = std::move(batch);
  const bool taken = store.Submit(accepted, [promise](Result<pgvigil::v1::BatchReply> reply) {
    promise->set_value(std::move(reply));
  });
  if (!taken) {
    promise->set_value(shared::Fail(shared::ErrorCode::kUnavailable, "the queue is full"));
  }
  return future;
}

inline Result<pgvigil::v1::BatchReply> Submit(Store& store, pgvigil::v1::Batch batch,
                                              int32_t tenant = 1) {
  return SubmitAsync(store, std::move(batch), tenant).get();
}

// A server, and a store on it that is ready.
class StoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server_.Execute("CREATE DATABASE pgvigil");
    store_ = OpenStore(clock_);
  }

  static StoreOptions Options(const PostgresServer& server) {
    StoreOptions options;
    options.connect = server.Options("pgvigil");
    options.reconnect = {std::chrono::milliseconds(10), std::chrono::milliseconds(50)};
    options.upkeep_interval = std::chrono::milliseconds(200);
    options.maintains = false;  // a test runs the chores that it is about
    return options;
  }

  std::unique_ptr<Store> OpenStore(const shared::Clock& clock) {
    auto store = Store::Open(Options(server_), clock, registry_);
    EXPECT_TRUE(store) << store.error().message;
    WaitUntilReady(**store);
    return std::move(*store);
  }

  // Upkeep tells by the reader's answer; asked again until it is so.
  static void WaitUntilReady(Store& store) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!store.reader().Ready()) {
      if (std::chrono::steady_clock::now() > give_up) {
        ADD_FAILURE() << "not ready: " << store.reader().Ready().error().message;
        return;
      }
      std::this_thread::yield();
    }
  }

  // The first column of the first row.
  std::string Ask(std::string_view sql) {
    shared::postgres::Connection connection = server_.Connect("pgvigil");
    auto rows = connection.Query(sql);
    EXPECT_TRUE(rows) << rows.error().message;
    return rows && rows->size() > 0 ? std::string(rows->Text(0, 0)) : std::string();
  }

  collector::api::QueryContext Context(int32_t tenant = 1) const {
    return {{tenant}, clock_.Monotonic() + std::chrono::seconds(20)};
  }

  PostgresServer server_;
  FakeClock clock_;
  shared::metrics::Registry registry_;
  std::unique_ptr<Store> store_;
};

}  // namespace tests
