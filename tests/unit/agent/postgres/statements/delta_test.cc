#include "agent/postgres/statements/delta.h"

#include <gtest/gtest.h>

#include <vector>

namespace agent::postgres::statements {
namespace {

using std::chrono::seconds;

shared::WallTime At(int64_t second) {
  return shared::WallTime(seconds(1'700'000'000 + second));
}

// A server that started and was reset at second 0 and is read at `second`.
Epoch ReadAt(int64_t second, int extension = 11) {
  return {.server_time = At(second),
          .postmaster_start = At(0),
          .stats_reset = extension >= kExtensionWithToplevel ? At(0) : shared::WallTime(),
          .dealloc = 0};
}

Counters Calls(uint64_t calls, double total, double min = 1, double max = 10) {
  Counters out;
  out.calls = calls;
  out.rows = calls;
  out.total_exec_time = total;
  out.min_exec_time = min;
  out.max_exec_time = max;
  out.mean_exec_time = total / static_cast<double>(calls);
  return out;
}

struct Row {
  int64_t queryid;
  Counters counters;
  shared::WallTime since = {};
};

Reading Make(const Epoch& epoch, const std::vector<Row>& rows, int extension) {
  Reading out(extension, epoch);
  for (const Row& row : rows) out.Add({.queryid = row.queryid}, row.since, row.counters);
  out.Finish();
  return out;
}

struct Outcome {
  DeltaSummary summary;
  std::vector<EntryDelta> deltas;
};

Outcome Compare(const Reading& older, const Reading& newer) {
  Outcome out;
  out.summary = Diff(older, newer, [&](const EntryDelta& delta) { out.deltas.push_back(delta); });
  return out;
}

TEST(Diff, SubtractsCountersAndKeepsGauges) {
  const Outcome out = Compare(Make(ReadAt(10), {{7, Calls(5, 20), At(1)}}, 11),
                              Make(ReadAt(20), {{7, Calls(8, 32.5), At(1)}}, 11));
  ASSERT_EQ(out.deltas.size(), 1u);
  const EntryDelta& delta = out.deltas[0];
  EXPECT_EQ(delta.kind, DeltaKind::kDifference);
  EXPECT_EQ(delta.since, shared::WallTime());
  EXPECT_EQ(delta.counters.calls, 3u);
  EXPECT_EQ(delta.counters.rows, 3u);
  EXPECT_EQ(delta.counters.total_exec_time, 12.5);
  EXPECT_EQ(delta.counters.min_exec_time, 1);
  EXPECT_EQ(delta.counters.max_exec_time, 10);
  EXPECT_EQ(delta.counters.mean_exec_time, 32.5 / 8);
  EXPECT_FALSE(out.summary.partial);
}

TEST(Diff, LeavesOutWhatDidNotGrow) {
  const Outcome out = Compare(Make(ReadAt(10), {{7, Calls(5, 20), At(1)}}, 11),
                              Make(ReadAt(20), {{7, Calls(5, 20), At(1)}}, 11));
  EXPECT_TRUE(out.deltas.empty());
  EXPECT_FALSE(out.summary.partial);
}

TEST(Diff, TakesTheWholeOfANewEntry) {
  for (const int extension : {8, 10, 11}) {
    const Epoch first = ReadAt(10, extension);
    const Epoch second = ReadAt(20, extension);
    const auto since = extension == 11 ? At(15) : shared::WallTime();
    const Outcome out =
        Compare(Make(first, {}, extension), Make(second, {{7, Calls(5, 20), since}}, extension));
    ASSERT_EQ(out.deltas.size(), 1u);
    EXPECT_EQ(out.deltas[0].kind, DeltaKind::kNew);
    EXPECT_EQ(out.deltas[0].since, since);
    EXPECT_EQ(out.deltas[0].counters, Calls(5, 20));
    EXPECT_FALSE(out.summary.partial);
  }
}

TEST(Diff, TakesTheWholeOfAnEntryThatWasParsedBeforeButEndedAfter) {
  const Outcome out =
      Compare(Make(ReadAt(10), {}, 11), Make(ReadAt(20), {{7, Calls(1, 5), At(3)}}, 11));
  ASSERT_EQ(out.deltas.size(), 1u);
  EXPECT_EQ(out.deltas[0].counters.calls, 1u);
  EXPECT_EQ(out.deltas[0].since, shared::WallTime());
}

TEST(Diff, KnowsAReincarnationByStatsSinceThoughAllGrew) {
  const Outcome out = Compare(Make(ReadAt(10), {{7, Calls(5, 20), At(1)}}, 11),
                              Make(ReadAt(20), {{7, Calls(8, 32), At(12)}}, 11));
  ASSERT_EQ(out.deltas.size(), 1u);
  EXPECT_EQ(out.deltas[0].kind, DeltaKind::kReincarnated);
  EXPECT_EQ(out.deltas[0].since, At(12));
  EXPECT_EQ(out.deltas[0].counters, Calls(8, 32));
  EXPECT_TRUE(out.summary.partial);
  EXPECT_EQ(out.summary.reincarnated, 1u);
}

TEST(Diff, KnowsAReincarnationByItsCountersBeforeStatsSince) {
  const auto expect_whole = [](const Counters& before, const Counters& now) {
    const Outcome out =
        Compare(Make(ReadAt(10), {{7, before}}, 10), Make(ReadAt(20), {{7, now}}, 10));
    ASSERT_EQ(out.deltas.size(), 1u);
    EXPECT_EQ(out.deltas[0].kind, DeltaKind::kReincarnated);
    EXPECT_EQ(out.deltas[0].counters, now);
    EXPECT_TRUE(out.summary.partial);
  };
  expect_whole(Calls(5, 20), Calls(4, 19));                // fell
  expect_whole(Calls(5, 20, 1, 10), Calls(8, 32, 2, 10));  // the minimum rose
  expect_whole(Calls(5, 20, 1, 10), Calls(8, 32, 1, 9));   // the maximum fell
  expect_whole(Calls(5, 20, 1, 10), Calls(8, 21, 1, 10));  // 3 calls in 1 ms, none under 1 ms
  expect_whole(Calls(5, 20, 1, 10), Calls(6, 40, 1, 10));  // 1 call in 20 ms, none over 10 ms
  Counters before = Calls(5, 20);
  before.wal_bytes = 1;
  expect_whole(before, Calls(8, 32));  // one counter fell
  before.wal_bytes = 0;
  before.stddev_exec_time = 4;  // squares: 80, then 0
  expect_whole(before, Calls(8, 32));
}

TEST(Diff, DoesNotMistakeAResetOfMinimumAndMaximumForAReincarnation) {
  const Outcome out = Compare(Make(ReadAt(10), {{7, Calls(5, 20, 1, 10), At(1)}}, 11),
                              Make(ReadAt(20), {{7, Calls(6, 25, 5, 5), At(1)}}, 11));
  ASSERT_EQ(out.deltas.size(), 1u);
  EXPECT_EQ(out.deltas[0].kind, DeltaKind::kDifference);
  EXPECT_EQ(out.deltas[0].counters.calls, 1u);
}

TEST(Diff, TakesAllWholeAfterAResetOfAll) {
  Epoch reset = ReadAt(20, 10);
  reset.stats_reset = At(15);
  reset.dealloc = 2;
  const Outcome out = Compare(Make(ReadAt(10, 10), {{7, Calls(5, 20)}, {9, Calls(1, 1)}}, 10),
                              Make(reset, {{7, Calls(8, 32)}, {8, Calls(1, 2)}}, 10));
  ASSERT_EQ(out.deltas.size(), 2u);
  EXPECT_EQ(out.deltas[0].kind, DeltaKind::kReincarnated);
  EXPECT_EQ(out.deltas[0].since, At(15));
  EXPECT_EQ(out.deltas[0].counters.calls, 8u);
  EXPECT_EQ(out.deltas[1].kind, DeltaKind::kNew);
  EXPECT_TRUE(out.summary.partial);
  EXPECT_EQ(out.summary.vanished, 1u);
  EXPECT_EQ(out.summary.evicted, 2u);
}

TEST(Diff, CountsEvictions) {
  Epoch before = ReadAt(10);
  before.dealloc = 3;
  Epoch now = ReadAt(20);
  now.dealloc = 5;
  const Outcome out = Compare(Make(before, {}, 11), Make(now, {}, 11));
  EXPECT_EQ(out.summary.evicted, 2u);
  EXPECT_TRUE(out.summary.partial);
}

TEST(Diff, GoesOnThroughARestartThatKeptTheStatistics) {
  Epoch now = ReadAt(20, 10);
  now.postmaster_start = At(15);
  const Outcome out =
      Compare(Make(ReadAt(10, 10), {{7, Calls(5, 20)}}, 10), Make(now, {{7, Calls(6, 24)}}, 10));
  ASSERT_EQ(out.deltas.size(), 1u);
  EXPECT_EQ(out.deltas[0].kind, DeltaKind::kDifference);
  EXPECT_EQ(out.deltas[0].counters.calls, 1u);
  EXPECT_FALSE(out.summary.partial);
}

TEST(Diff, DoubtsEveryRestartWhenTheExtensionShowsNoReset) {
  Epoch now = ReadAt(20, 8);
  now.postmaster_start = At(15);
  const Outcome out =
      Compare(Make(ReadAt(10, 8), {{7, Calls(5, 20)}}, 8), Make(now, {{7, Calls(6, 24)}}, 8));
  ASSERT_EQ(out.deltas.size(), 1u);
  EXPECT_TRUE(out.summary.partial);
}

TEST(Diff, EmitsNothingOfStatisticsThatAreNotTheSame) {
  const auto expect_nothing = [](const Reading& older, const Reading& newer) {
    const Outcome out = Compare(older, newer);
    EXPECT_TRUE(out.deltas.empty());
    EXPECT_TRUE(out.summary.partial);
    EXPECT_EQ(out.summary.unknown, newer.size());
  };
  Epoch foreign = ReadAt(20, 10);
  foreign.stats_reset = At(-100);  // another server's: its reset was before our reading
  expect_nothing(Make(ReadAt(10, 10), {{7, Calls(5, 20)}}, 10),
                 Make(foreign, {{7, Calls(6, 24)}, {8, Calls(1, 1)}}, 10));
  Epoch evicted = ReadAt(10, 10);
  evicted.dealloc = 5;  // put back to a state with fewer evictions
  expect_nothing(Make(evicted, {{7, Calls(5, 20)}}, 10),
                 Make(ReadAt(20, 10), {{7, Calls(6, 24)}, {8, Calls(1, 1)}}, 10));
  Epoch restored = ReadAt(20);
  restored.postmaster_start = At(15);  // put back to a state with fewer calls
  expect_nothing(Make(ReadAt(10), {{7, Calls(5, 20), At(1)}}, 11),
                 Make(restored, {{7, Calls(4, 16), At(1)}, {8, Calls(1, 1), At(1)}}, 11));
  expect_nothing(Make(ReadAt(10), {{7, Calls(5, 20), At(3)}}, 11),
                 Make(restored, {{7, Calls(6, 24), At(1)}, {8, Calls(1, 1), At(1)}}, 11));
  // The extension was updated from 1.8: its keys had no toplevel.
  expect_nothing(Make(ReadAt(10, 8), {{7, Calls(5, 20)}}, 8),
                 Make(ReadAt(20, 9), {{7, Calls(6, 24)}}, 9));
}

TEST(Diff, LeavesOutTheHistoryOfColumnsThatAnUpdateOfTheExtensionBrought) {
  Counters now = Calls(6, 24);
  now.jit_functions = 1'000;
  const Outcome out =
      Compare(Make(ReadAt(10, 9), {{7, Calls(5, 20)}}, 9), Make(ReadAt(20, 10), {{7, now}}, 10));
  ASSERT_EQ(out.deltas.size(), 1u);
  EXPECT_EQ(out.deltas[0].counters.calls, 1u);
  EXPECT_EQ(out.deltas[0].counters.jit_functions, 0u);
}

TEST(Diff, DoesNotTakeRowsThatAGrantMadeVisibleForNew) {
  Reading older = Make(ReadAt(10), {}, 11);
  older.set_hidden(2);
  const Outcome out =
      Compare(older, Make(ReadAt(20), {{7, Calls(5, 20), At(1)}, {8, Calls(1, 2), At(12)}}, 11));
  ASSERT_EQ(out.deltas.size(), 1u);
  EXPECT_EQ(out.deltas[0].key.queryid, 8);  // began after the older reading
  EXPECT_EQ(out.summary.unknown, 1u);
  EXPECT_TRUE(out.summary.partial);
}

TEST(Diff, EmitsNothingOfAMergedEntryThatFell) {
  Reading older(8, ReadAt(10, 8));
  older.Add({.queryid = 7}, {}, Calls(100, 400));
  older.Add({.queryid = 7}, {}, Calls(5, 20));
  older.Finish();
  // One of the two was evicted; the other may have lived on.
  const Outcome out = Compare(older, Make(ReadAt(20, 8), {{7, Calls(101, 404)}}, 8));
  EXPECT_TRUE(out.deltas.empty());
  EXPECT_EQ(out.summary.unknown, 1u);
}

}  // namespace
}  // namespace agent::postgres::statements
