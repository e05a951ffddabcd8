#include <fmt/format.h>

#include "tests/integration/collector/storage/store_fixture.h"

namespace tests {
namespace {

using pgvigil::v1::Batch;
using pgvigil::v1::BatchReply;
using shared::ErrorCode;

class StoreWrite : public StoreTest {
 protected:
  // Metrics batch number `sequence` of an agent: one block of two series, a minute each.
  Batch Metrics(int agent, uint64_t sequence, bool with_layout = false, uint64_t incarnation = 7) {
    Batch batch = AgentBatch(pgvigil::v1::STREAM_METRICS, agent, sequence, incarnation);
    if (with_layout) AddLayout(batch, layout_);
    AddBlock(batch, layout_,
             MakeBlock(2, 6, kStart + static_cast<int64_t>(sequence) * 60 * kSecond));
    return batch;
  }
  std::string Stream(int agent) {
    return Ask(fmt::format(
        "SELECT format('%s:%s batches %s gaps %s duplicates %s', incarnation, sequence, batches, "
        "gaps,"
        " duplicates) FROM pgvigil.agent_stream s JOIN pgvigil.agent a ON a.id = s.agent_id"
        " JOIN pgvigil.host h ON h.id = a.host_id WHERE h.name = 'db-{}'",
        agent));
  }

  const shared::model::Layout layout_ = MakeLayout(2);
};

TEST_F(StoreWrite, StoresABatchAndAcknowledgesIt) {
  const Result<BatchReply> reply = Submit(*store_, Metrics(1, 1, true));
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->stream(), pgvigil::v1::STREAM_METRICS);
  EXPECT_EQ(reply->incarnation(), 7u);
  EXPECT_EQ(reply->acknowledged_sequence(), 1u);
  EXPECT_EQ(reply->missing_layouts_size(), 0);
  EXPECT_EQ(reply->refusals_size(), 0);
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.block"), "1");
  EXPECT_EQ(Stream(1), "7:1 batches 1 gaps 0 duplicates 0");
}

TEST_F(StoreWrite, StoresABatchThatComesAgainOnlyOnce) {
  ASSERT_TRUE(Submit(*store_, Metrics(1, 1, true)));
  ASSERT_TRUE(Submit(*store_, Metrics(1, 2)));
  const Result<BatchReply> again = Submit(*store_, Metrics(1, 1, true));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->acknowledged_sequence(), 2u);
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.block"), "2");
  EXPECT_EQ(Stream(1), "7:2 batches 2 gaps 0 duplicates 1");
}

TEST_F(StoreWrite, CountsWhatNeverCame) {
  ASSERT_TRUE(Submit(*store_, Metrics(1, 1, true)));
  const Result<BatchReply> reply = Submit(*store_, Metrics(1, 5));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->acknowledged_sequence(), 5u);
  EXPECT_EQ(Stream(1), "7:5 batches 2 gaps 3 duplicates 0");
}

TEST_F(StoreWrite, TakesANewIncarnationFromItsBeginning) {
  ASSERT_TRUE(Submit(*store_, Metrics(1, 3, true)));
  const Result<BatchReply> reply = Submit(*store_, Metrics(1, 1, false, 8));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->acknowledged_sequence(), 1u);
  EXPECT_EQ(Stream(1), "8:1 batches 2 gaps 2 duplicates 0");
}

TEST_F(StoreWrite, RefusesAnOlderIncarnation) {
  ASSERT_TRUE(Submit(*store_, Metrics(1, 1, true, 8)));
  const Result<BatchReply> reply = Submit(*store_, Metrics(1, 2, false, 7));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::kInvalidInput);
  EXPECT_EQ(
      reply.error().message,
      "agent 00000000-0000-0000-0000-000000000001 stream metrics: incarnation 7 is older than "
      "8, which is stored: do two agents share one id (a copied machine)? Remove the state "
      "directory of one of them");
}

TEST_F(StoreWrite, AsksForALayoutThatItDoesNotKnow) {
  const Result<BatchReply> reply = Submit(*store_, Metrics(1, 1));
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->acknowledged_sequence(), 0u);
  ASSERT_EQ(reply->missing_layouts_size(), 1);
  EXPECT_EQ(reply->missing_layouts(0), HashBytes(layout_));
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.block"), "0");
  const Result<BatchReply> with_layout = Submit(*store_, Metrics(1, 1, true));
  ASSERT_TRUE(with_layout);
  EXPECT_EQ(with_layout->acknowledged_sequence(), 1u);
  EXPECT_EQ(Stream(1), "7:1 batches 1 gaps 0 duplicates 0");
}

TEST_F(StoreWrite, HoldsBackWhatFollowsABatchWithoutItsLayout) {
  StoreOptions options = Options(server_);
  options.gather = std::chrono::seconds(1);  // both fall into one group
  auto store = Store::Open(options, clock_, registry_);
  ASSERT_TRUE(store);
  WaitUntilReady(**store);
  auto first = SubmitAsync(**store, Metrics(1, 1));
  auto second = SubmitAsync(**store, Metrics(1, 2, true));
  const Result<BatchReply> missing = first.get();
  ASSERT_TRUE(missing) << missing.error().message;
  EXPECT_EQ(missing->missing_layouts_size(), 1);
  const Result<BatchReply> held = second.get();
  ASSERT_FALSE(held);
  EXPECT_EQ(held.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(held.error().message, "an earlier batch of this stream is not stored yet");
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.block"), "0");
}

TEST_F(StoreWrite, KnowsLayoutsOfAnEarlierProcess) {
  ASSERT_TRUE(Submit(*store_, Metrics(1, 1, true)));
  store_->Close();
  store_ = OpenStore(clock_);
  const Result<BatchReply> reply = Submit(*store_, Metrics(1, 2));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->acknowledged_sequence(), 2u);
}

TEST_F(StoreWrite, RefusesABlockThatDoesNotDecodeAndStoresTheRest) {
  Batch batch = Metrics(1, 1, true);
  AddBlock(batch, layout_, MakeBlock(2, 6, kStart + 600 * kSecond));
  (*batch.mutable_blocks(0)->mutable_payload())[10] ^= 1;
  const Result<BatchReply> reply = Submit(*store_, batch);
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->acknowledged_sequence(), 1u);
  ASSERT_EQ(reply->refusals_size(), 1);
  EXPECT_EQ(reply->refusals(0).reason(), "malformed_block");
  EXPECT_EQ(reply->refusals(0).items(), 12u);
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.block"), "1");
  EXPECT_EQ(Ask("SELECT reason || ' ' || items FROM pgvigil.refusal"), "malformed_block 12");
}

TEST_F(StoreWrite, RefusesBlocksThatContradictTheirLayoutOrHeader) {
  Batch batch = AgentBatch(pgvigil::v1::STREAM_METRICS, 1, 1);
  AddLayout(batch, layout_);
  AddBlock(batch, layout_, MakeBlock(3, 2, kStart));  // three series, the layout has two
  AddBlock(batch, layout_, MakeBlock(2, 2, kStart));
  batch.mutable_blocks(1)->set_last_unix_nano(static_cast<uint64_t>(kStart + 11 * kSecond));
  AddBlock(batch, layout_, MakeBlock(2, 2, kStart - 15 * 86400 * kSecond));  // too old
  shared::model::Block stretched = MakeBlock(2, 2, kStart);
  stretched.times_unix_nano[1] = kStart + 3 * 3600 * kSecond;
  AddBlock(batch, layout_, stretched);
  const Result<BatchReply> reply = Submit(*store_, batch);
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->acknowledged_sequence(), 1u);
  std::string reasons;
  for (const auto& refusal : reply->refusals()) {
    reasons += fmt::format("{} {}; ", refusal.reason(), refusal.items());
  }
  EXPECT_EQ(reasons, "block_too_long 4; malformed_block 10; timestamp_out_of_range 4; ");
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.block"), "0");
}

TEST_F(StoreWrite, RefusesALayoutThatIsNotWhatItsHashSays) {
  Batch batch = Metrics(1, 1, true);
  batch.mutable_layouts(0)->mutable_series(0)->set_name("other");
  const Result<BatchReply> reply = Submit(*store_, batch);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::kInvalidInput);
  EXPECT_TRUE(reply.error().message.starts_with(
      fmt::format("layout {}: its content has the hash ", shared::model::ToHex(layout_.hash))))
      << reply.error().message;
}

TEST_F(StoreWrite, SkipsABlockThatIsStoredAlready) {
  ASSERT_TRUE(Submit(*store_, Metrics(1, 1, true)));
  // Another agent of the same host sends the same minute, and one more.
  Batch batch = Metrics(2, 1, true);
  for (auto& attribute : *batch.mutable_resource()->mutable_attributes()) {
    attribute.set_value(attribute.name() == "host.id" ? "key-1" : "db-1");
  }
  AddBlock(batch, layout_, MakeBlock(2, 6, kStart + 600 * kSecond));
  const Result<BatchReply> reply = Submit(*store_, batch);
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->acknowledged_sequence(), 1u);
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.block"), "2");
  EXPECT_EQ(Ask("SELECT reason || ' ' || items FROM pgvigil.refusal"), "duplicate_block 1");
}

TEST_F(StoreWrite, LetsAPoisonBatchFailAlone) {
  // An oid twice in one interval: a unique violation that no check foresees.
  const auto statements = [](int agent, bool poison) {
    Batch batch = AgentBatch(pgvigil::v1::STREAM_STATEMENTS, agent, 1);
    auto* interval = batch.add_statements();
    interval->mutable_instance()->set_system_identifier(7);
    interval->mutable_instance()->set_port(5432);
    interval->set_start_unix_nano(static_cast<uint64_t>(kStart));
    interval->set_end_unix_nano(static_cast<uint64_t>(kStart + 60 * kSecond));
    for (int i = 0; i < 2; ++i) {
      auto* delta = interval->add_deltas();
      delta->set_dbid(1);
      delta->set_queryid(poison ? 1 : i);
      delta->set_calls(1);
    }
    return batch;
  };
  std::vector<std::future<Result<BatchReply>>> replies;
  for (int agent = 1; agent <= 9; ++agent) {
    replies.push_back(SubmitAsync(*store_, statements(agent, agent == 5)));
  }
  for (int agent = 1; agent <= 9; ++agent) {
    const Result<BatchReply> reply = replies[static_cast<size_t>(agent - 1)].get();
    if (agent == 5) {
      ASSERT_FALSE(reply);
      EXPECT_EQ(reply.error().code, ErrorCode::kInvalidInput);
      EXPECT_NE(reply.error().message.find("23505"), std::string::npos) << reply.error().message;
    } else {
      ASSERT_TRUE(reply) << agent << ": " << reply.error().message;
    }
  }
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.statement_delta"), "16");
}

TEST_F(StoreWrite, StoresEachLogLineOnceWhateverTheChunksOverlap) {
  const LogFileWriter file('f');
  const auto lines = [&](uint64_t sequence, uint64_t from, uint64_t to) {
    Batch batch = AgentBatch(pgvigil::v1::STREAM_LOGS, 1, sequence);
    auto* chunk = file.Begin(batch, from * 100);
    for (uint64_t i = from; i < to; ++i) {
      LogFileWriter::Append(chunk, kStart + static_cast<int64_t>(i) * kSecond, i % 2 == 0 ? 17 : 9,
                            fmt::format("line {}", i));
    }
    return batch;
  };
  ASSERT_TRUE(Submit(*store_, lines(1, 0, 10)));
  ASSERT_TRUE(Submit(*store_, lines(2, 5, 15)));   // read again after a crash
  ASSERT_TRUE(Submit(*store_, lines(3, 2, 9)));    // nothing new
  ASSERT_TRUE(Submit(*store_, lines(4, 18, 20)));  // three lines are missing
  EXPECT_EQ(Ask("SELECT sum(lines) FROM pgvigil.log_block"), "17");
  EXPECT_EQ(Ask("SELECT count(*) || ' ' || count(DISTINCT file_offset) FROM pgvigil.log_event"),
            "9 9");
  EXPECT_EQ(
      Ask("SELECT format('%s gap %s lines %s', position, gap_bytes, lines) FROM pgvigil.log_file"),
      "2000 gap 300 lines 17");
}

TEST_F(StoreWrite, BeginsAFileAnywhereWithoutAGap) {
  Batch batch = AgentBatch(pgvigil::v1::STREAM_LOGS, 1, 1);
  LogFileWriter::Append(LogFileWriter('f').Begin(batch, 5000), kStart, 9, "tail");
  ASSERT_TRUE(Submit(*store_, batch));
  EXPECT_EQ(Ask("SELECT position || ' ' || gap_bytes FROM pgvigil.log_file"), "5100 0");
}

TEST_F(StoreWrite, CleansTextThatPostgresqlCannotHold) {
  Batch batch = AgentBatch(pgvigil::v1::STREAM_LOGS, 1, 1);
  auto* record =
      LogFileWriter::Append(LogFileWriter('f').Begin(batch, 0), kStart, 17, std::string("a\0b", 3));
  auto* attribute = record->add_attributes();
  attribute->set_name("k");
  attribute->set_value(std::string("\0", 1));
  const Result<BatchReply> reply = Submit(*store_, batch);
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(Ask("SELECT body || (attributes->>'k') FROM pgvigil.log_event"), "a\uFFFDb\uFFFD");
}

TEST_F(StoreWrite, MakesPartitionsForLateData) {
  Batch batch = AgentBatch(pgvigil::v1::STREAM_METRICS, 1, 1);
  AddLayout(batch, layout_);
  AddBlock(batch, layout_, MakeBlock(2, 2, kStart - 10 * 86400 * kSecond));
  const Result<BatchReply> reply = Submit(*store_, batch);
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->refusals_size(), 0);
  EXPECT_EQ(Ask("SELECT tableoid::regclass FROM pgvigil.block"), "pgvigil.block_20251222_00");
}

TEST_F(StoreWrite, MakesAPartitionAgainThatSomebodyDropped) {
  ASSERT_TRUE(Submit(*store_, Metrics(1, 1, true)));
  server_.Execute("DROP TABLE pgvigil.block_20260101_00", "pgvigil");
  const Result<BatchReply> reply = Submit(*store_, Metrics(1, 2));
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.block"), "1");
}

TEST_F(StoreWrite, HasPartitionsAheadFromTheBeginning) {
  EXPECT_EQ(Ask("SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class"
                " WHERE relispartition AND relname LIKE 'block\\_%' AND relkind = 'r'"),
            "block_20260101_00 block_20260101_01 block_20260101_02 block_20260101_03 "
            "block_20260101_04 block_20260101_05 block_20260101_06");
  EXPECT_EQ(Ask("SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class"
                " WHERE relispartition AND relname LIKE 'log\\_event\\_%' AND relkind = 'r'"),
            "log_event_20260101 log_event_20260102 log_event_20260103 log_event_20260104");
}

TEST_F(StoreWrite, KeepsTenantsWithOneAgentIdApart) {
  ASSERT_TRUE(Submit(*store_, Metrics(1, 1, true), 1));
  const Result<BatchReply> reply = Submit(*store_, Metrics(1, 1, true), 2);
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.block"), "2");
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.host"), "2");
}

TEST_F(StoreWrite, LimitsWhatOneAgentLetsWait) {
  StoreOptions options = Options(server_);
  options.batches_per_agent = 1;
  options.gather = std::chrono::seconds(1);  // the first batch waits for company meanwhile
  auto store = Store::Open(options, clock_, registry_);
  ASSERT_TRUE(store);
  WaitUntilReady(**store);
  auto first = SubmitAsync(**store, Metrics(1, 1, true));
  const Result<BatchReply> second = SubmitAsync(**store, Metrics(1, 2)).get();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(second.error().message,
            "1 batches of agent 00000000-0000-0000-0000-000000000001 wait already");
  EXPECT_TRUE(first.get());
}

TEST_F(StoreWrite, LetsTwoStoresWorkOnTheSameAgents) {
  std::unique_ptr<Store> other = OpenStore(clock_);
  constexpr int kAgents = 12;
  constexpr uint64_t kBatches = 20;
  // Every batch goes to both, as when an answer is lost and the balancer picks the other.
  for (uint64_t sequence = 1; sequence <= kBatches; ++sequence) {
    std::vector<std::future<Result<BatchReply>>> replies;
    for (int agent = 1; agent <= kAgents; ++agent) {
      for (Store* store : {store_.get(), other.get()}) {
        replies.push_back(SubmitAsync(*store, Metrics(agent, sequence, true)));
      }
    }
    for (auto& reply : replies) {
      const Result<BatchReply> got = reply.get();
      ASSERT_TRUE(got) << got.error().message;
      EXPECT_EQ(got->acknowledged_sequence(), sequence);
    }
  }
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.block"), std::to_string(kAgents * kBatches));
  EXPECT_EQ(Ask("SELECT format('%s %s %s', sum(batches), sum(duplicates), sum(gaps))"
                " FROM pgvigil.agent_stream"),
            fmt::format("{0} {0} 0", kAgents * kBatches));
}

}  // namespace
}  // namespace tests
