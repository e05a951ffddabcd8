#include <fmt/format.h>

#include <atomic>
#include <mutex>

#include "shared/concurrency/guarded.h"
#include "tests/integration/collector/storage/store_fixture.h"

namespace tests {
namespace {

using namespace std::chrono_literals;
using collector::bus::Claim;
using collector::bus::Fault;
using collector::bus::Grave;
using collector::bus::Lease;
using collector::bus::PartitionId;
using collector::bus::PendingRecord;
using collector::bus::Reposition;
using pgvigil::v1::Batch;
using shared::ErrorCode;

constexpr char kTopic[] = "pgvigil.batches.v1";

class StoreRecords : public StoreTest {
 protected:
  void SetUp() override {
    server_.Execute("CREATE DATABASE pgvigil");
    store_ = OpenConsumer();
  }

  std::unique_ptr<Store> OpenConsumer() {
    StoreOptions options = Options(server_);
    options.consumes = true;
    auto store = Store::Open(options, clock_, registry_);
    EXPECT_TRUE(store) << store.error().message;
    WaitUntilReady(**store);
    return std::move(*store);
  }

  static Claim ClaimOne(Store& store, int32_t partition = 0) {
    const std::vector<PartitionId> ids{{kTopic, partition}};
    auto claims = store.ClaimPartitions(ids);
    EXPECT_TRUE(claims) << claims.error().message;
    return claims && claims->size() == 1 ? std::move(claims->front()) : Claim{};
  }

  Batch Metrics(int agent, uint64_t sequence, uint64_t incarnation = 7) {
    Batch batch = AgentBatch(pgvigil::v1::STREAM_METRICS, agent, sequence, incarnation);
    AddLayout(batch, layout_);
    AddBlock(
        batch, layout_,
        MakeBlock(2, 6, kStart + static_cast<int64_t>(incarnation * 50 + sequence) * 60 * kSecond));
    return batch;
  }

  PendingRecord Record(const Claim& claim, int64_t offset, Batch batch) {
    PendingRecord record;
    record.lease = claim.lease;
    record.offset = offset;
    record.anchor = offset * 1000;
    record.tenant = 1;
    record.agent_id = batch.agent_id();
    record.value_bytes = 77;
    record.cost_bytes = batch.ByteSizeLong();
    collector::ingest::AcceptedBatch accepted;
    accepted.tenant.value = 1;
    accepted.cost_bytes = record.cost_bytes;
    accepted.batch = std::move(batch);
    record.batches.push_back(std::move(accepted));
    record.bury = [this](const Fault& fault) -> Result<Grave> {
      if (graves_closed_) {
        refused_graves_ += 1;
        return shared::Fail(ErrorCode::kUnavailable, "no brokers");
      }
      return Grave{"pgvigil.dead.v1", 3, buried_.With([&](std::vector<std::string>& buried) {
                     buried.push_back(fault.reason + ": " + fault.message);
                     return static_cast<int64_t>(buried.size());
                   })};
    };
    return record;
  }

  static void Submit(Store& store, PendingRecord record) {
    ASSERT_TRUE(store.SubmitRecord(record, std::chrono::steady_clock::now() + 10s));
  }

  // Until everything before `offset` is stored.
  static void AwaitStored(const Claim& claim, int64_t offset) {
    const auto give_up = std::chrono::steady_clock::now() + 20s;
    while (claim.lease->next_offset() < offset) {
      ASSERT_LT(std::chrono::steady_clock::now(), give_up)
          << "stored up to " << claim.lease->next_offset();
      std::this_thread::yield();
    }
  }
  static void AwaitLost(const Claim& claim) {
    const auto give_up = std::chrono::steady_clock::now() + 20s;
    while (!claim.lease->is_lost()) {
      ASSERT_LT(std::chrono::steady_clock::now(), give_up);
      std::this_thread::yield();
    }
  }
  std::string Position(int32_t partition = 0) {
    return Ask(
        fmt::format("SELECT format('%s anchor %s epoch %s', next_offset, anchor, owner_epoch)"
                    " FROM pgvigil.kafka_position WHERE partition = {}",
                    partition));
  }
  std::string Stream() {
    return Ask(
        "SELECT format('%s:%s batches %s gaps %s duplicates %s missing %s', incarnation, sequence,"
        " batches, gaps, duplicates, missing) FROM pgvigil.agent_stream");
  }

  const shared::model::Layout layout_ = MakeLayout(2);
  shared::Guarded<std::vector<std::string>> buried_;
  std::atomic<bool> graves_closed_ = false;
  std::atomic<int> refused_graves_ = 0;
};

TEST_F(StoreRecords, MovesThePositionWithTheData) {
  const Claim claim = ClaimOne(*store_);
  EXPECT_EQ(claim.next_offset, 0);
  EXPECT_EQ(claim.anchor, std::nullopt);
  for (int64_t i = 0; i < 5; ++i) {
    Submit(*store_, Record(claim, 10 + i, Metrics(1, static_cast<uint64_t>(i) + 1)));
  }
  AwaitStored(claim, 15);
  EXPECT_EQ(Position(), "15 anchor 14000 epoch 1");
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.block"), "5");
  const Claim next = ClaimOne(*store_);
  EXPECT_EQ(next.next_offset, 15);
  EXPECT_EQ(next.anchor, 14000);
}

TEST_F(StoreRecords, StoresARecordThatComesAgainOnlyOnce) {
  const Claim claim = ClaimOne(*store_);
  Submit(*store_, Record(claim, 0, Metrics(1, 1)));
  Submit(*store_, Record(claim, 0, Metrics(1, 1)));
  Submit(*store_, Record(claim, 1, Metrics(1, 1)));  // the agent's HTTP request was repeated
  AwaitStored(claim, 2);
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.block"), "1");
  EXPECT_EQ(Stream(), "7:1 batches 1 gaps 0 duplicates 1 missing {}");
}

TEST_F(StoreRecords, StoresWhatWasOvertakenWhenItComes) {
  const Claim claim = ClaimOne(*store_);
  int64_t offset = 0;
  for (const uint64_t sequence : {3, 1, 6, 2, 5}) {
    Submit(*store_, Record(claim, offset++, Metrics(1, sequence)));
  }
  AwaitStored(claim, 5);
  EXPECT_EQ(Stream(), "7:6 batches 5 gaps 1 duplicates 0 missing {4,5}");
  Submit(*store_, Record(claim, 5, Metrics(1, 4)));
  Submit(*store_, Record(claim, 6, Metrics(1, 1, 8)));
  Submit(*store_, Record(claim, 7, Metrics(1, 7, 7)));  // of the life before
  Submit(*store_, Record(claim, 8, Metrics(1, 6, 7)));
  AwaitStored(claim, 9);
  EXPECT_EQ(Stream(), "8:1 batches 8 gaps 0 duplicates 1 missing {}");
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.block"), "8");
}

TEST_F(StoreRecords, AnOwnerOfThePastCanStoreNothing) {
  const std::unique_ptr<Store> other = OpenConsumer();
  const Claim zombie = ClaimOne(*store_);
  Submit(*store_, Record(zombie, 0, Metrics(1, 1)));
  AwaitStored(zombie, 1);
  const Claim owner = ClaimOne(*other);
  EXPECT_EQ(owner.next_offset, 1);
  Submit(*store_, Record(zombie, 1, Metrics(1, 2)));
  Submit(*store_, Record(zombie, 2, Metrics(1, 3)));
  AwaitLost(zombie);
  EXPECT_EQ(Position(), "1 anchor 0 epoch 2");
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.block"), "1");
  Submit(*other, Record(owner, 1, Metrics(1, 2)));
  AwaitStored(owner, 2);
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.block"), "2");
}

TEST_F(StoreRecords, AZombiesOtherPartitionsGoOn) {
  const std::unique_ptr<Store> other = OpenConsumer();
  const Claim zombie = ClaimOne(*store_, 0);
  const Claim mine = ClaimOne(*store_, 2);  // the same writer's
  ClaimOne(*other, 0);
  Submit(*store_, Record(zombie, 0, Metrics(1, 1)));
  Submit(*store_, Record(mine, 0, Metrics(2, 1)));
  AwaitStored(mine, 1);
  AwaitLost(zombie);
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.block"), "1");
}

TEST_F(StoreRecords, NothingIsStoredAfterARevocation) {
  const Claim claim = ClaimOne(*store_);
  Submit(*store_, Record(claim, 0, Metrics(1, 1)));
  AwaitStored(claim, 1);
  // The transaction of the next record waits for this lock; so does the revocation, for a while.
  shared::postgres::Connection blocker = server_.Connect("pgvigil");
  ASSERT_TRUE(blocker.Execute("BEGIN; LOCK TABLE pgvigil.block IN SHARE MODE"));
  Submit(*store_, Record(claim, 1, Metrics(1, 2)));
  const auto give_up = std::chrono::steady_clock::now() + 20s;
  while (Ask("SELECT count(*) FROM pg_locks WHERE NOT granted") == "0") {
    ASSERT_LT(std::chrono::steady_clock::now(), give_up);
  }
  EXPECT_FALSE(claim.lease->Revoke(10ms));
  Submit(*store_, Record(claim, 2, Metrics(1, 3)));
  ASSERT_TRUE(blocker.Execute("COMMIT"));
  EXPECT_TRUE(claim.lease->Revoke(20s));
  const Claim next = ClaimOne(*store_);
  EXPECT_EQ(next.next_offset, 2);  // what was under way is whole
  Submit(*store_, Record(next, 2, Metrics(1, 3)));
  AwaitStored(next, 3);
  EXPECT_EQ(Stream(), "7:3 batches 3 gaps 0 duplicates 0 missing {}");
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.block"), "3");
}

TEST_F(StoreRecords, StoresOnceWhenItsConnectionDiesBetweenCopyAndCommit) {
  const Claim claim = ClaimOne(*store_);
  Submit(*store_, Record(claim, 0, Metrics(1, 1)));
  AwaitStored(claim, 1);
  // COPY goes through; the row of the agent's stream, written after it, cannot be.
  shared::postgres::Connection blocker = server_.Connect("pgvigil");
  ASSERT_TRUE(blocker.Execute("BEGIN; LOCK TABLE pgvigil.refusal IN ACCESS EXCLUSIVE MODE"));
  PendingRecord record = Record(claim, 1, Metrics(1, 2));
  auto* refusal = &record.batches.front().refusals.emplace_back();
  refusal->set_reason("label_limit");
  refusal->set_items(1);
  Submit(*store_, std::move(record));
  const char* waiting =
      "SELECT count(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
      " AND application_name LIKE 'pgvigil-collector record writer%'";
  const auto give_up = std::chrono::steady_clock::now() + 20s;
  while (Ask(waiting) == "0") ASSERT_LT(std::chrono::steady_clock::now(), give_up);
  EXPECT_EQ(Ask("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE wait_event_type = 'Lock'"),
            "1");
  ASSERT_TRUE(blocker.Execute("COMMIT"));
  while (claim.lease->next_offset() < 2) {
    ASSERT_LT(std::chrono::steady_clock::now(), give_up);
    clock_.Advance(50ms);  // the writer's backoff
  }
  EXPECT_EQ(Stream(), "7:2 batches 2 gaps 0 duplicates 0 missing {}");
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.block"), "2");
}

TEST_F(StoreRecords, BuriesAPoisonRecordAndGoesOnBehindIt) {
  const Claim claim = ClaimOne(*store_);
  Submit(*store_, Record(claim, 0, Metrics(1, 1)));
  Batch unknown = AgentBatch(pgvigil::v1::STREAM_METRICS, 1, 2);
  AddBlock(unknown, MakeLayout(3), MakeBlock(3, 6, kStart));
  Submit(*store_, Record(claim, 1, unknown));
  PendingRecord garbage = Record(claim, 2, Batch());
  garbage.batches.clear();
  garbage.agent_id.clear();
  garbage.tenant.reset();
  garbage.fault = Fault{"undecodable", "not zstd"};
  Submit(*store_, std::move(garbage));
  Submit(*store_, Record(claim, 3, Metrics(1, 3)));
  Batch nameless = Metrics(1, 4);
  nameless.clear_resource();
  Submit(*store_, Record(claim, 4, nameless));
  Submit(*store_, Record(claim, 5, Metrics(1, 5)));
  AwaitStored(claim, 6);
  const std::vector<std::string> buried = buried_.Copy();
  ASSERT_EQ(buried.size(), 3u);
  EXPECT_EQ(buried[1], "undecodable: not zstd");
  EXPECT_EQ(Ask("SELECT string_agg(format('%s[%s]@%s %s %s %s %s', topic, partition, \"offset\","
                " reason, tenant_id, size_bytes, dead_offset), '; ' ORDER BY id)"
                " FROM pgvigil.dead_letter"),
            "pgvigil.batches.v1[0]@1 unknown_layout 1 77 1; "
            "pgvigil.batches.v1[0]@2 undecodable  77 2; "
            "pgvigil.batches.v1[0]@4 refused 1 77 3");
  // What was buried is missing, not stored: it is taken when it is replayed.
  EXPECT_EQ(Stream(), "7:5 batches 3 gaps 2 duplicates 0 missing {2,3,4,5}");
  Batch mended = Metrics(1, 2);
  Submit(*store_, Record(claim, 6, mended));
  AwaitStored(claim, 7);
  EXPECT_EQ(Stream(), "7:5 batches 4 gaps 1 duplicates 0 missing {4,5}");
  EXPECT_NE(registry_.Expose().find("collector_kafka_dead_letters_total{reason=\"refused\"} 1"),
            std::string::npos);
}

TEST_F(StoreRecords, BlocksTheLeaseOfARecordThatCannotBeBuriedAndNoOther) {
  graves_closed_ = true;
  const auto garbage = [&](const Claim& claim) {
    PendingRecord record = Record(claim, 0, Batch());
    record.fault = Fault{"undecodable", "not zstd"};
    return record;
  };
  const Claim claim = ClaimOne(*store_);
  const Claim other = ClaimOne(*store_, 2);  // of the same writer: there are two
  Submit(*store_, garbage(claim));
  Submit(*store_, Record(claim, 1, Metrics(1, 1)));
  Submit(*store_, Record(other, 0, Metrics(2, 1)));
  AwaitStored(other, 1);
  EXPECT_EQ(claim.lease->blocked(), "undecodable: not zstd; it cannot be buried: no brokers");
  EXPECT_EQ(Position(), "0 anchor  epoch 1");
  EXPECT_EQ(refused_graves_, 1);
  // As the consumer does: claimed anew, and read again.
  graves_closed_ = false;
  const Claim again = ClaimOne(*store_);
  Submit(*store_, garbage(again));
  Submit(*store_, Record(again, 1, Metrics(1, 1)));
  AwaitStored(again, 2);
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.dead_letter"), "1");
}

TEST_F(StoreRecords, KeepsRecordsWhilePostgresIsAway) {
  const Claim claim = ClaimOne(*store_);
  Submit(*store_, Record(claim, 0, Metrics(1, 1)));
  AwaitStored(claim, 1);
  server_.Stop();
  Submit(*store_, Record(claim, 1, Metrics(1, 2)));
  Submit(*store_, Record(claim, 2, Metrics(1, 3)));
  server_.Start();
  const auto give_up = std::chrono::steady_clock::now() + 20s;
  while (claim.lease->next_offset() < 3) {
    ASSERT_LT(std::chrono::steady_clock::now(), give_up);
    clock_.Advance(50ms);
  }
  EXPECT_EQ(Stream(), "7:3 batches 3 gaps 0 duplicates 0 missing {}");
}

TEST_F(StoreRecords, RepositionsOnlyForItsOwner) {
  const Claim first = ClaimOne(*store_);
  Submit(*store_, Record(first, 0, Metrics(1, 1)));
  AwaitStored(first, 1);
  const Claim second = ClaimOne(*store_);
  ASSERT_TRUE(store_->MovePosition(*second.lease, 7, Reposition::kExpired));
  EXPECT_EQ(Ask("SELECT format('%s %s %s', next_offset, recreations, expired)"
                " FROM pgvigil.kafka_position"),
            "7 0 6");
  const Claim third = ClaimOne(*store_);
  ASSERT_TRUE(store_->MovePosition(*third.lease, 0, Reposition::kRecreated));
  EXPECT_EQ(Position(), "0 anchor  epoch 3");
  const Result<void> late = store_->MovePosition(*second.lease, 9, Reposition::kExpired);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(late.error().message, "pgvigil.batches.v1 [0] was claimed by another process");
}

TEST_F(StoreRecords, StoresForeignRecordsByTheirOffsetAlone) {
  const Claim claim = ClaimOne(*store_);
  const auto foreign = [&](int64_t offset, int64_t minute) {
    Batch metrics = AgentBatch(pgvigil::v1::STREAM_METRICS, 9, 0, 0);
    AddLayout(metrics, layout_);
    AddBlock(metrics, layout_, MakeBlock(2, 6, kStart + minute * 60 * kSecond));
    PendingRecord record = Record(claim, offset, metrics);
    Batch logs = AgentBatch(pgvigil::v1::STREAM_LOGS, 9, 0, 0);
    auto* chunk = LogFileWriter('f').Begin(logs, static_cast<uint64_t>(offset) * 1000);
    LogFileWriter::Append(chunk, kStart + offset * kSecond, 17, "one");
    LogFileWriter::Append(chunk, kStart + offset * kSecond, 9, "two");
    collector::ingest::AcceptedBatch second;
    second.tenant.value = 1;
    second.batch = logs;
    record.batches.push_back(second);
    for (auto& batch : record.batches) batch.foreign = true;
    return record;
  };
  Submit(*store_, foreign(0, 0));
  Submit(*store_, foreign(0, 0));  // the same record
  Submit(*store_, foreign(1, 0));  // the same block of another record
  Submit(*store_, foreign(2, 1));
  AwaitStored(claim, 3);
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.block"), "2");
  EXPECT_EQ(Ask("SELECT format('%s %s', position, lines) FROM pgvigil.log_file"), "2200 6");
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.log_event"), "3");
  EXPECT_EQ(Ask("SELECT sum(batches) FROM pgvigil.agent_stream"), "6");
}

}  // namespace
}  // namespace tests
