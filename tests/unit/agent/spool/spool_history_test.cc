// Random histories of appends, syncs, deliveries, failures, kills and power cuts, after the method
// of ALICE (Pillai et al., OSDI 2014): whatever the disk may lawfully forget is forgotten at
// random.
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <random>
#include <set>

#include "agent/pipeline/drops.h"
#include "agent/spool/spool.h"
#include "tests/support/fake_clock.h"
#include "tests/support/faulty_files.h"

namespace agent::spool {
namespace {

class History {
 public:
  explicit History(uint64_t seed) : random_(seed), files_(seed) {
    options_.directory = "/spool";
    options_.segment_bytes = 8192;
    options_.max_bytes = uint64_t{1} << 30;
    options_.sync_bytes = 6000;
    Open();
  }

  void Play(int steps) {
    for (int step = 0; step < steps && !testing::Test::HasFailure(); ++step) {
      switch (random_() % 16) {
        case 0:
        case 1:
        case 2:
        case 3:
        case 4:
          Append();
          break;
        case 5:
        case 6:
          Sync();
          break;
        case 7:
        case 8:
        case 9:
          Deliver(true);
          break;
        case 10:
          Deliver(false);
          break;
        case 11:
          Fail();
          break;
        case 12:
          Reopen("kill");
          break;
        case 13:
          Reopen("power cut");
          break;
        case 14:
          Reopen("stop");
          break;
        case 15:
          clock_.Advance(std::chrono::milliseconds(300));
          break;
      }
    }
    // At last everything that is owed must come.
    Heal();
    Sync();
    while (!testing::Test::HasFailure() && Deliver(true)) {
    }
    EXPECT_TRUE(owed_.empty()) << "never came: " << owed_.begin()->sequence;
    for (const pgvigil::v1::Dropped& dropped : drops_.Snapshot()) {
      EXPECT_NE(dropped.reason(), "spool_full");
    }
  }

 private:
  void Open() {
    auto opened = Spool::Open(options_, files_, clock_, drops_);
    ASSERT_TRUE(opened) << opened.error().message;
    spool_ = std::move(*opened);
    last_handed_out_.reset();
  }

  void Append() {
    const std::string payload = std::to_string(++appended_) + std::string(random_() % 3000, 'x');
    const Name name{spool_->incarnation(), spool_->next_sequence()};
    ASSERT_FALSE(handed_out_.contains(name)) << "name used again: " << name.sequence;
    const uint64_t syncs = files_.syncs();
    const Result<uint64_t> sequence = spool_->Append(payload, 1 + random_() % 100);
    if (!sequence) {  // it may yet be there after a crash
      maybe_[name].insert(payload);
      return;
    }
    ASSERT_EQ(*sequence, name.sequence);
    maybe_[name].insert(payload);
    latest_[name] = payload;
    unsynced_.insert(name);
    if (files_.syncs() != syncs && !spool_->sync_due()) MarkSynced();
  }

  void Sync() {
    if (spool_->Sync()) MarkSynced();
  }
  void MarkSynced() {
    owed_.insert(unsynced_.begin(), unsynced_.end());
    for (const Name& name : unsynced_) maybe_[name] = {latest_[name]};
    unsynced_.clear();
  }

  bool Deliver(bool acknowledge) {
    const std::optional<ship::OutgoingBatch> batch = spool_->Next();
    if (!batch) {
      EXPECT_TRUE(owed_.empty()) << "held back: " << owed_.begin()->sequence;
      return false;
    }
    const Name name{batch->incarnation, batch->sequence};
    EXPECT_TRUE(maybe_[name].contains(batch->body)) << "other content: " << name.sequence;
    EXPECT_FALSE(gone_.contains(name)) << "settled before a clean stop: " << name.sequence;
    if (!owed_.empty()) {
      EXPECT_LE(name, *owed_.begin()) << "skipped one";
    }
    if (last_handed_out_) {
      EXPECT_GE(name, *last_handed_out_) << "out of order";
    }
    last_handed_out_ = name;
    const auto [known, fresh] = handed_out_.try_emplace(name, batch->body);
    if (!fresh) {
      EXPECT_EQ(known->second, batch->body) << "one name, two contents";
    }
    if (acknowledge) {
      spool_->Acknowledge(name.incarnation, name.sequence);
      owed_.erase(name);
      unsynced_.erase(name);
      settled_.insert(name);
    }
    return true;
  }

  void Fail() {
    faulty_ = true;
    const int count = 1 + static_cast<int>(random_() % 3);
    if (random_() % 2 == 0) {
      files_.FailWrites(count, random_() % 2 == 0);
    } else {
      files_.FailSyncs(count);
    }
  }
  void Heal() {
    files_.FailWrites(0, false);
    files_.FailSyncs(0);
  }

  void Reopen(std::string_view how) {
    if (how == "kill") files_.Kill();
    if (how == "power cut") files_.PowerCut();
    if (how == "stop") Heal();
    spool_.reset();
    Heal();
    // A head that was moved may be moved back only by a power cut, or when it could not be written.
    if (how == "stop" || (how == "kill" && !faulty_)) {
      gone_.insert(settled_.begin(), settled_.end());
    }
    settled_.clear();
    faulty_ = false;
    // What was not synced before a power cut may be lost; then its name is free again.
    if (how == "power cut") unsynced_.clear();
    if (how != "power cut") MarkSynced();
    Open();
  }

  std::mt19937_64 random_;
  tests::FaultyFiles files_;
  tests::FakeClock clock_;
  pipeline::Drops drops_;
  SpoolOptions options_;
  std::unique_ptr<Spool> spool_;
  uint64_t appended_ = 0;
  bool faulty_ = false;
  std::map<Name, std::set<std::string>> maybe_;  // what a name may stand for
  std::map<Name, std::string> latest_;
  std::set<Name> unsynced_;
  std::set<Name> owed_;     // durable, not settled: must come, in order
  std::set<Name> settled_;  // may come again after a crash
  std::set<Name> gone_;     // must not come again
  std::map<Name, std::string> handed_out_;
  std::optional<Name> last_handed_out_;
};

TEST(SpoolHistory, LosesNothingDurableAndRepeatsNoNameInThousandsOfHistories) {
  for (uint64_t seed = 1; seed <= 2500; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    History(seed).Play(60);
    if (HasFailure()) return;
  }
}

TEST(SpoolHistory, HoldsThroughLongHistories) {
  for (uint64_t seed = 10'001; seed <= 10'015; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    History(seed).Play(2000);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace agent::spool
