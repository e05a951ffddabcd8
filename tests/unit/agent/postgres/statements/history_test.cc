#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "agent/postgres/statements/lineage.h"
#include "agent/postgres/statements/round.h"
#include "tests/unit/agent/postgres/statements/model_server.h"
#include "tests/unit/agent/postgres/statements/temporary_directory.h"

// The promise of this folder: whatever happens to server, agent, queue and spool, the deltas that
// reach the spool add up to what the server counted, and never to more. Random histories drive the
// real Diff, Lineage, Baselines and queue against a model server and a model spool.
namespace agent::postgres::statements {
namespace {

using pgvigil::v1::StatementInterval;

constexpr ServerId kServer{4711, 5432};

// What may happen, in a history of one kind.
struct Hazards {
  bool evictions = false;
  bool resets = false;  // of all entries
  bool single_resets = false;
  bool crashes = false;  // of the server
  bool agent = true;     // crashes of the agent, losses on the way to the spool
};

class History {
 public:
  History(int extension, const Hazards& hazards, uint32_t seed)
      : hazards_(hazards),
        extension_(extension),
        random_(seed),
        server_(extension, hazards.evictions ? 8 : 1'000, seed + 1) {
    StartAgent();
  }

  void Run(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFatalFailure(); ++i) Step();
    // In the end all is well: what is underway arrives, and one more round.
    Poll();
    while (Batch(Fate::kAppended)) {
    }
    Poll();
    while (Batch(Fate::kAppended)) {
    }
    Check();
  }

 private:
  enum class Fate { kAppended, kDropped, kWriteFails, kCrashBeforeAppend };

  struct Appended {
    uint64_t sequence;
    StatementInterval interval;
  };

  uint32_t Random(uint32_t below) { return static_cast<uint32_t>(random_() % below); }
  Key RandomKey() {
    return {.dbid = 5, .userid = 10 + Random(2), .queryid = static_cast<int64_t>(Random(8)) - 4};
  }

  void Step() {
    switch (Random(12)) {
      case 0:
      case 1:
        return Poll();
      case 2:
      case 3:
        Batch(Fate::kAppended);
        return;
      case 4:
        if (hazards_.agent) Mishap();
        return;
      case 5:
        return ServerEvent();
      case 6:
        return server_.Parse(RandomKey());
      default:
        for (uint32_t n = Random(6); n > 0; --n) server_.Execute(RandomKey());
    }
  }

  void ServerEvent() {
    switch (Random(6)) {
      case 0:
        if (hazards_.resets) server_.ResetAll();
        return;
      case 1:
        if (hazards_.single_resets) server_.ResetOne(RandomKey());
        return;
      case 2:
        if (hazards_.crashes) server_.Crash(Random(2) == 0);
        return;
      case 3:
        return server_.ResetMinMax(RandomKey());
      default:
        return server_.RestartCleanly();
    }
  }

  void Mishap() {
    switch (Random(5)) {
      case 0:
        Batch(Fate::kDropped);
        return;
      case 1:
        Batch(Fate::kWriteFails);
        return;
      case 2:
        Batch(Fate::kCrashBeforeAppend);
        return;
      case 3:
        last_sequence_ += 1;  // a batch of something else
        return;
      default:
        if (Random(3) == 0) LoseLastBatch();
        return StartAgent();
    }
  }

  // The machine lost power before the spool's last batch was on disk; a baseline is always, and
  // none was written since.
  void LoseLastBatch() {
    if (spool_.size() == settled_batches_ || spool_.back().sequence != last_sequence_) return;
    if (marked_sequence_ != last_sequence_) return;
    spool_.pop_back();
    last_sequence_ -= 1;
  }

  // kill -9, and up again.
  void StartAgent() {
    settled_batches_ = spool_.size();
    lineage_.reset();
    queue_ = std::make_unique<pipeline::TelemetryQueue>(size_t{6} << 10);  // a few rounds
    auto baselines =
        Baselines::Open(directory_.path() + "/statements", {kIncarnation, last_sequence_});
    ASSERT_TRUE(baselines) << baselines.error().message;
    baselines_ = std::move(*baselines);
    lineage_ = baselines_->Get(kServer);
  }

  // As Poller::SendDeltas.
  void Poll() {
    const auto reading = std::make_shared<const Reading>(server_.Read());
    seen_[reading->epoch().server_time] = server_.entries();
    const auto from = lineage_->Head();
    if (from == nullptr) {
      first_ = reading->epoch().server_time;
      ASSERT_TRUE(lineage_->Begin(reading));
      return;
    }
    PushRound(*lineage_, from, reading, MakeInterval(*from, *reading), *queue_);
  }

  // As the batcher. False: nothing to do.
  bool Batch(Fate fate) {
    std::optional<pipeline::Telemetry> item = queue_->TryPop();
    if (!item) return false;
    auto& round = std::get<pipeline::StatementRound>(*item);
    if (fate == Fate::kDropped) return true;
    const std::string directory = directory_.path() + "/statements";
    if (fate == Fate::kWriteFails) std::filesystem::rename(directory, directory + ".away");
    const bool go = round.before_append(kIncarnation, last_sequence_ + 1);
    if (fate == Fate::kWriteFails) std::filesystem::rename(directory + ".away", directory);
    if (go) marked_sequence_ = last_sequence_ + 1;
    if (fate == Fate::kWriteFails) {
      EXPECT_FALSE(go);
    }
    if (fate == Fate::kCrashBeforeAppend) {
      StartAgent();
      return true;
    }
    if (!go) return true;
    last_sequence_ += 1;
    spool_.push_back({last_sequence_, round.interval});
    return true;
  }

  void Check() {
    ASSERT_FALSE(spool_.empty());
    std::map<Key, Counters> sums;
    shared::WallTime end = first_;
    for (const Appended& batch : spool_) {
      const StatementInterval& interval = batch.interval;
      // No gap, no overlap.
      ASSERT_EQ(Time(interval.start_unix_nano()), end);
      end = Time(interval.end_unix_nano());
      CheckInterval(interval, seen_.at(Time(interval.start_unix_nano())), seen_.at(end), sums);
    }
    CheckSums(sums);
  }

  static shared::WallTime Time(uint64_t nanos) {
    return shared::FromUnixNanos(static_cast<int64_t>(nanos));
  }

  // Compares an interval with the growth of the entries that were there at its two ends.
  void CheckInterval(const StatementInterval& interval, const ModelServer::Entries& before,
                     const ModelServer::Entries& after, std::map<Key, Counters>& sums) {
    std::map<Key, Counters> got;
    for (const pgvigil::v1::StatementDelta& delta : interval.deltas()) {
      const Key key{delta.dbid(), delta.userid(), delta.queryid(), delta.toplevel()};
      got[key].calls = delta.calls();
      got[key].total_exec_time = delta.total_exec_time_ms();
      got[key].rows = delta.rows();
      sums[key].calls += delta.calls();
      sums[key].total_exec_time += delta.total_exec_time_ms();
    }
    bool lost = false;
    for (const auto& [key, entry] : after) {
      const auto old = before.find(key);
      Counters expected = entry.counters;
      if (old != before.end() && old->second.life == entry.life) {
        expected.calls -= old->second.counters.calls;
        expected.total_exec_time -= old->second.counters.total_exec_time;
        expected.rows -= old->second.counters.rows;
      } else if (old != before.end() && old->second.counters.calls > 0) {
        lost = true;  // the former entry's last calls
      }
      const Counters& have = got[key];
      ASSERT_LE(have.calls, expected.calls);
      ASSERT_LE(have.rows, expected.rows);
      ASSERT_LE(have.total_exec_time, expected.total_exec_time);
      if (extension_ >= kExtensionWithStatsSince) {
        ASSERT_EQ(have.calls, expected.calls);
        ASSERT_EQ(have.rows, expected.rows);
        ASSERT_EQ(have.total_exec_time, expected.total_exec_time);
      }
      lost = lost || have.calls != expected.calls;
      got.erase(key);
    }
    ASSERT_TRUE(got.empty()) << "a delta of an entry that is not there";
    for (const auto& [key, entry] : before) {
      lost = lost || (after.count(key) == 0 && entry.counters.calls > 0);
    }
    // What the server cannot show by any means: see delta.h.
    const bool visible = extension_ >= kExtensionWithStatsSince ||
                         (extension_ >= kExtensionWithToplevel && !hazards_.single_resets);
    if (lost && visible) {
      ASSERT_TRUE(interval.partial());
    }
  }

  void CheckSums(const std::map<Key, Counters>& sums) {
    const bool all_known =
        !hazards_.evictions && !hazards_.resets && !hazards_.single_resets && !hazards_.crashes;
    for (const auto& [key, truth] : server_.truth()) {
      Counters before;  // what was counted before we came
      const auto& first = seen_.at(first_);
      if (const auto entry = first.find(key); entry != first.end()) before = entry->second.counters;
      const auto sum = sums.find(key);
      const Counters got = sum == sums.end() ? Counters() : sum->second;
      ASSERT_LE(got.calls, truth.calls - before.calls);
      ASSERT_LE(got.total_exec_time, truth.total_exec_time - before.total_exec_time);
      if (all_known) {
        ASSERT_EQ(got.calls, truth.calls - before.calls);
        ASSERT_EQ(got.total_exec_time, truth.total_exec_time - before.total_exec_time);
      }
    }
  }

  static constexpr uint64_t kIncarnation = 77;

  const Hazards hazards_;
  const int extension_;
  std::mt19937 random_;
  ModelServer server_;
  TemporaryDirectory directory_;
  std::unique_ptr<Baselines> baselines_;
  std::unique_ptr<pipeline::TelemetryQueue> queue_;
  std::shared_ptr<Lineage> lineage_;
  uint64_t last_sequence_ = 0;
  uint64_t marked_sequence_ = 0;
  std::vector<Appended> spool_;
  size_t settled_batches_ = 0;  // of spool_, those that were on disk when the agent started
  shared::WallTime first_;
  std::map<shared::WallTime, ModelServer::Entries> seen_;  // by the time of the reading
};

void RunHistories(const Hazards& hazards) {
  for (const int extension : {8, 9, 10, 11, 12}) {
    for (uint32_t seed = 1; seed <= 200; ++seed) {
      SCOPED_TRACE("extension 1." + std::to_string(extension) + ", seed " + std::to_string(seed));
      History history(extension, hazards, seed);
      history.Run(60);
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
}

TEST(StatementHistory, AddsUpExactlyThroughRestartsOfServerAndAgent) {
  RunHistories({});
}

TEST(StatementHistory, AddsUpExactlyWithoutMishaps) {
  RunHistories({.agent = false});
}

TEST(StatementHistory, NeverExceedsTheTruthThroughEvictions) {
  RunHistories({.evictions = true});
}

TEST(StatementHistory, NeverExceedsTheTruthThroughResetsOfAll) {
  RunHistories({.resets = true});
}

TEST(StatementHistory, NeverExceedsTheTruthThroughCrashesOfTheServer) {
  RunHistories({.crashes = true});
}

TEST(StatementHistory, NeverExceedsTheTruthThroughAllAtOnce) {
  RunHistories({.evictions = true, .resets = true, .single_resets = true, .crashes = true});
}

}  // namespace
}  // namespace agent::postgres::statements
