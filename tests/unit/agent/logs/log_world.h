#pragma once

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/logs/log_reader.h"
#include "agent/pipeline/drops.h"
#include "pgvigil/v1/batch.pb.h"
#include "shared/base/unique_fd.h"
#include "shared/wire/zstd.h"
#include "tests/support/fake_clock.h"

namespace tests {

// A directory that is gone when the test is over.
class ScratchDirectory {
 public:
  ScratchDirectory() {
    std::string pattern = std::filesystem::temp_directory_path() / "pgvigil-logs-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  ~ScratchDirectory() { std::filesystem::remove_all(path_); }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string operator/(std::string_view name) const {
    return path_ + "/" + std::string(name);
  }

 private:
  std::string path_;
};

// Appends, as a server does that opened the file once.
inline void AppendTo(const std::string& path, std::string_view bytes) {
  const shared::UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  ASSERT_EQ(::write(fd.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
}

// What the collector does with log batches: takes each file's bytes once, by (file id, offset).
class FakeCollector {
 public:
  // Stores what is new of a batch.
  void Store(const agent::ship::OutgoingBatch& batch) {
    const shared::Result<std::string> bytes = shared::wire::Decompress(batch.body);
    ASSERT_TRUE(bytes) << bytes.error().message;
    pgvigil::v1::Batch message;
    ASSERT_TRUE(message.ParseFromString(*bytes));
    EXPECT_EQ(message.sequence(), batch.sequence);
    EXPECT_EQ(message.incarnation(), batch.incarnation);
    for (const pgvigil::v1::LogChunk& chunk : message.logs()) StoreChunk(chunk);
  }

  [[nodiscard]] const std::vector<pgvigil::v1::LogRecord>& records() const { return records_; }
  [[nodiscard]] const std::map<std::string, uint64_t>& positions() const { return positions_; }
  [[nodiscard]] uint64_t skipped() const { return skipped_; }
  [[nodiscard]] std::vector<std::string> bodies() const {
    std::vector<std::string> out;
    for (const auto& record : records_) out.push_back(record.body());
    return out;
  }

 private:
  void StoreChunk(const pgvigil::v1::LogChunk& chunk) {
    ASSERT_EQ(chunk.file().id().size(), 16u);
    ASSERT_LT(chunk.begin_offset(), chunk.end_offset());
    const auto known = positions_.find(chunk.file().id());
    const bool is_new = known == positions_.end();
    uint64_t& position = positions_[chunk.file().id()];
    if (!is_new) {
      EXPECT_LE(chunk.begin_offset(), position) << "a hole in " << chunk.file().path();
    }
    uint64_t at = chunk.begin_offset();
    for (const pgvigil::v1::LogRecord& record : chunk.records()) {
      EXPECT_GE(record.offset(), at);
      at = record.offset() + record.length();
      EXPECT_LE(at, chunk.end_offset());
      if (!is_new && record.offset() < position) {
        EXPECT_LE(at, position) << "a record across the position: " << record.body();
        skipped_ += 1;
        continue;
      }
      records_.push_back(record);
    }
    position = std::max(position, chunk.end_offset());
  }

  std::vector<pgvigil::v1::LogRecord> records_;
  std::map<std::string, uint64_t> positions_;
  uint64_t skipped_ = 0;
};

// A reader over a scratch directory, with a clock of its own and a collector behind it.
class LogWorld {
 public:
  LogWorld() {
    options_.state_directory = directory_ / "state";
    options_.agent_id = "0123456789abcdef";
    std::filesystem::create_directories(LogDirectory());
    settings_.data_directory = directory_ / "data";
    settings_.logging_collector = true;
    settings_.log_destination = "jsonlog";
    settings_.log_directory = "log";
    settings_.log_filename = "postgresql-%Y-%m-%d_%H%M%S.log";
    settings_.log_line_prefix = "%m [%p] ";
    settings_.log_timezone = "UTC";
    identity_.name = "main";
    identity_.system_identifier = 77;
    identity_.port = 5432;
    identity_.server_version = 150018;
  }

  [[nodiscard]] std::string LogDirectory() const { return directory_ / "data/log"; }
  [[nodiscard]] std::string LogPath(std::string_view name) const {
    return LogDirectory() + "/" + std::string(name);
  }
  void SetCurrent(std::string_view name, std::string_view kind = "jsonlog") {
    std::filesystem::remove(settings_.data_directory + "/current_logfiles");
    AppendTo(settings_.data_directory + "/current_logfiles",
             fmt::format("{} log/{}\n", kind, name));
  }

  // Starts the reader; again after Crash or Stop.
  void Start() {
    auto reader = agent::logs::LogReader::Open(options_, clock_, drops_, capabilities_);
    ASSERT_TRUE(reader) << reader.error().message;
    reader_ = std::move(*reader);
    if (follow_postgres_) reader_->SetPostgres(identity_, settings_);
  }
  void Crash() { reader_.reset(); }
  void Stop() {
    reader_->Close();
    reader_.reset();
  }
  void Turns(int count, std::chrono::milliseconds step = std::chrono::milliseconds(60)) {
    for (int i = 0; i < count; ++i) {
      reader_->Turn();
      clock_.Advance(step);
    }
  }
  // Sends what waits, in order.
  void Deliver() {
    while (const auto batch = reader_->queue().Next()) {
      collector_.Store(*batch);
      reader_->queue().Acknowledge(batch->incarnation, batch->sequence);
    }
  }
  // Turns and deliveries for `time`.
  void Run(std::chrono::milliseconds time) {
    for (std::chrono::milliseconds done{0}; done < time; done += std::chrono::milliseconds(60)) {
      Turns(1);
      Deliver();
    }
  }
  [[nodiscard]] std::map<std::string, uint64_t> DroppedItems() const {
    std::map<std::string, uint64_t> out;
    for (const auto& each : drops_.Snapshot()) out[each.reason()] = each.items();
    return out;
  }
  [[nodiscard]] pgvigil::v1::Capability CapabilityOf(std::string_view name) const {
    for (const auto& each : capabilities_.Snapshot()) {
      if (each.name() == name) return each;
    }
    return {};
  }

  ScratchDirectory directory_;
  agent::logs::LogSourceOptions options_;
  agent::postgres::LogSettings settings_;
  agent::postgres::InstanceIdentity identity_;
  bool follow_postgres_ = true;
  FakeClock clock_;
  agent::pipeline::Drops drops_;
  agent::pipeline::Capabilities capabilities_;
  FakeCollector collector_;
  std::unique_ptr<agent::logs::LogReader> reader_;
};

// A record as PostgreSQL writes it to jsonlog, with its line end.
inline std::string JsonLine(std::string_view message) {
  return fmt::format(
      R"({{"timestamp":"2026-01-01 00:00:00.000 UTC","pid":1,"error_severity":"LOG","message":"{}"}})"
      "\n",
      message);
}
// And to stderr, with the prefix "%m [%p] ".
inline std::string StderrLine(std::string_view message) {
  return fmt::format("2026-01-01 00:00:00.000 UTC [1] LOG:  {}\n", message);
}

}  // namespace tests
