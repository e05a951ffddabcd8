// A random writer against the real reader: rotations of every kind, crashes, old checkpoints, a
// collector that answers late or never. Whatever happens, each record is stored exactly once.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/unit/agent/logs/log_world.h"

namespace {

using std::chrono::milliseconds;
namespace fs = std::filesystem;

enum class Kind { kPostgresJson, kPostgresStderr, kSyslog };

bool IsContinuation(const pgvigil::v1::LogRecord& record) {
  return record.attributes_size() > 0 && record.attributes(0).name() == "pgvigil.continuation";
}

class Model {
 public:
  Model(Kind kind, uint64_t seed) : kind_(kind), random_(seed) {
    world_.options_.batch_bytes = 4096;
    world_.options_.queue_bytes = 8192;
    world_.options_.follow.turn_bytes = 512 + Pick(4096);
    world_.options_.files.max_record_bytes = 64 * 1024;
    if (kind == Kind::kPostgresStderr) world_.settings_.log_destination = "stderr";
    if (kind == Kind::kSyslog) {
      world_.follow_postgres_ = false;
      world_.options_.syslog_path = world_.LogPath("syslog");
    }
    NewName();
    Write();
    world_.Start();
    world_.Turns(1);  // the first start ever: what is rotated away before it is not read
  }

  void Step() {
    switch (Pick(14)) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
      case 5:
        Write();
        break;
      case 6:
        world_.Turns(static_cast<int>(Pick(5)), milliseconds(20 + Pick(400)));
        break;
      case 7:
      case 8:
        world_.Turns(1);
        Deliver();
        break;
      case 9:
        Rotate();
        break;
      case 10:
        Rotate();
        Write();
        Rotate();
        break;
      case 11:
        Restart();
        break;
      case 12:
        HalfLine();
        break;
      case 13:
        world_.Run(milliseconds(Pick(9000)));
        break;
    }
  }

  // Lets the reader come to its end and compares.
  void Finish() {
    EndLine();
    world_.Run(milliseconds(30'000));
    std::map<std::string, int> stored;
    for (const auto& record : world_.collector_.records()) {
      // The rest of a record that was sent because nothing came for two seconds.
      if (IsContinuation(record)) continue;
      EXPECT_FALSE(record.severity_text().empty() && kind_ != Kind::kSyslog) << record.body();
      stored[record.body().substr(0, record.body().find(' '))] += 1;
    }
    for (const std::string& id : written_) {
      EXPECT_EQ(stored[id], 1) << id;
      stored.erase(id);
    }
    for (const auto& [id, count] : stored) EXPECT_EQ(count, 0) << "never written: '" << id << "'";
    EXPECT_TRUE(world_.DroppedItems().empty()) << world_.DroppedItems().begin()->first;
  }
  [[nodiscard]] uint64_t skipped() const { return world_.collector_.skipped(); }
  [[nodiscard]] size_t written() const { return written_.size(); }

 private:
  uint64_t Pick(uint64_t below) { return random_() % below; }

  // One record, of up to some hundred bytes and now and then of many thousand.
  std::string Record() {
    const std::string id = fmt::format("r{}", written_.size());
    written_.push_back(id);
    const size_t padding = Pick(20) == 0 ? Pick(20'000) : Pick(200);
    const std::string message = id + " " + std::string(padding, 'x');
    switch (kind_) {
      case Kind::kPostgresJson:
        return tests::JsonLine(message);
      case Kind::kSyslog:
        return "2026-01-01T00:00:00.000000+00:00 db1 app[7]: " + message + "\n";
      case Kind::kPostgresStderr:
        break;
    }
    std::string out = tests::StderrLine(message);
    if (Pick(3) == 0) out += "\tmore of it\n\tand more\n";
    if (Pick(3) == 0) out += "2026-01-01 00:00:00.000 UTC [1] DETAIL:  some\n\tlines\n";
    return out;
  }
  void Write() {
    EndLine();
    std::string bytes;
    for (uint64_t i = Pick(12); i > 0; --i) bytes += Record();
    tests::AppendTo(current_, bytes);
  }
  void HalfLine() {
    EndLine();
    const std::string record = Record();
    const size_t cut = 1 + Pick(record.size() - 1);
    tests::AppendTo(current_, record.substr(0, cut));
    rest_ = record.substr(cut);
    world_.Turns(static_cast<int>(Pick(4)));
  }
  void EndLine() {
    tests::AppendTo(current_, rest_);
    rest_.clear();
  }
  void NewName() {
    if (kind_ == Kind::kSyslog) {
      current_ = world_.LogPath("syslog");
      tests::AppendTo(current_, "");
      return;
    }
    const bool json = kind_ == Kind::kPostgresJson;
    const std::string name = fmt::format("postgresql-{:06}.{}", ++files_, json ? "json" : "log");
    current_ = world_.LogPath(name);
    tests::AppendTo(current_, "");
    world_.SetCurrent(name, json ? "jsonlog" : "stderr");
  }
  void Rotate() {
    EndLine();
    if (kind_ != Kind::kSyslog && Pick(3) > 0) return NewName();
    // As logrotate does: x.2 <- x.1 <- x, a new x; what was read long ago goes, its inode is free.
    for (int i = 30; i >= 1; --i) {
      const std::string from = fmt::format("{}.{}", current_, i);
      if (fs::exists(from)) fs::rename(from, fmt::format("{}.{}", current_, i + 1));
    }
    fs::rename(current_, current_ + ".1");
    tests::AppendTo(current_, "");
  }
  void Deliver() {
    switch (Pick(4)) {
      case 0:
        return;  // away
      case 1:    // stored, but the answer is lost
        if (const auto batch = world_.reader_->queue().Next()) world_.collector_.Store(*batch);
        return;
      default:
        world_.Deliver();
    }
  }
  void Restart() {
    const std::string checkpoint = world_.options_.state_directory + "/tail.checkpoint";
    const std::string older = world_.options_.state_directory + "/older";
    const bool clean = Pick(3) == 0;
    if (clean) {
      world_.Stop();
    } else {
      world_.Crash();
    }
    if (Pick(4) == 0 && fs::exists(older))
      fs::copy_file(older, checkpoint, fs::copy_options::overwrite_existing);
    if (Pick(2) == 0) fs::copy_file(checkpoint, older, fs::copy_options::overwrite_existing);
    for (uint64_t i = Pick(3); i > 0; --i) {  // the world goes on
      Write();
      if (Pick(2) == 0) Rotate();
    }
    world_.clock_.Advance(milliseconds(Pick(5000)));
    world_.Start();
  }

  const Kind kind_;
  std::mt19937_64 random_;
  tests::LogWorld world_;
  std::vector<std::string> written_;
  std::string current_;
  std::string rest_;  // of the record whose beginning is in the file
  int files_ = 0;
};

void RunModel(Kind kind) {
  uint64_t skipped = 0;
  uint64_t written = 0;
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Model model(kind, seed);
    for (int step = 0; step < 120; ++step) model.Step();
    model.Finish();
    skipped += model.skipped();
    written += model.written();
    if (::testing::Test::HasFailure()) return;
  }
  // The runs must have done what they are for: records, and records read twice.
  EXPECT_GT(written, 2000u);
  EXPECT_GT(skipped, 50u);
}

TEST(LogModel, StoresEachJsonRecordExactlyOnce) {
  RunModel(Kind::kPostgresJson);
}
TEST(LogModel, StoresEachStderrRecordExactlyOnce) {
  RunModel(Kind::kPostgresStderr);
}
TEST(LogModel, StoresEachSyslogRecordExactlyOnce) {
  RunModel(Kind::kSyslog);
}

}  // namespace
