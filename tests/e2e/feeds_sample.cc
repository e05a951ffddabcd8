// Writes what the feeds make of random batches, and, apart from them, what was in the batches, for
// feeds_test.py to compare by other people's decoders:
//   feeds_sample DIRECTORY SEED
//   DIRECTORY/<feed>.<encoding>.<n>   one record each
//   DIRECTORY/expected.json           {"points":[…],"host_logs":[…],"events":n,"statements":n}
#include <fmt/format.h>

#include <bit>
#include <cstdio>
#include <fstream>
#include <limits>
#include <random>

#include "collector/bus/feeds/make_feeds.h"
#include "shared/text/json_writer.h"
#include "tests/support/feed_batches.h"

namespace {

using collector::bus::Feed;
using collector::bus::FeedRecord;
using collector::ingest::AcceptedBatch;
using shared::model::MetricKind;
using shared::text::JsonWriter;

constexpr size_t kRecordBytes = 20'000;
constexpr int64_t kTime = 1'795'248'000'000'000'000;

// Texts that JSON and protobuf must both carry: quotes, controls, several bytes, beyond the BMP.
std::string RandomText(std::mt19937_64& random) {
  constexpr std::string_view kPieces[] = {"a", "Z", "\"",         "\\",        "\n", "\x01",
                                          "ä", "€", "\U0001f418", "</script>", " ",  "\x7f"};
  std::string out;
  for (uint64_t left = random() % 12; left > 0; --left)
    out += kPieces[random() % std::size(kPieces)];
  return out;
}

double RandomValue(std::mt19937_64& random) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  switch (random() % 8) {
    case 0:
      return std::bit_cast<double>(shared::model::kStaleBits);
    case 1:
      return random() % 2 == 0 ? kInfinity : -kInfinity;
    case 2:
      return std::numeric_limits<double>::quiet_NaN();
    case 3:
      return -0.0;
    case 4:
      return static_cast<double>(random());
    default:
      return std::bit_cast<double>(0x3ff0000000000000 | random() >> 12) - 1.25;
  }
}

// Each value as its bits, so that nothing is rounded on the way; stale runs as their first.
void MakeMetrics(std::mt19937_64& random, AcceptedBatch& batch, JsonWriter& expected) {
  const shared::model::Labels common{{"a", "common"}, {"zone", RandomText(random)}};
  std::vector<shared::model::Series> series;
  for (size_t i = 0; i < 120; ++i) {
    shared::model::Series one;
    const size_t metric = random() % 10;
    one.name = fmt::format("metric.{}", metric);
    one.unit = metric % 2 == 0 ? "By" : "";
    one.kind = static_cast<MetricKind>(metric % 4);
    if (random() % 3 == 0) one.labels.push_back({"a", "own"});
    one.labels.push_back({"i", std::to_string(i)});
    one.labels.push_back({"text", RandomText(random)});
    series.push_back(std::move(one));
  }
  std::vector<int64_t> times;
  for (int64_t tick = 0; tick < 7; ++tick) times.push_back(kTime + tick * 1'000'000'007);
  std::vector<double> values;
  for (size_t i = 0; i < series.size() * times.size(); ++i) values.push_back(RandomValue(random));
  tests::AddBlock(common, series, times, values, batch.batch);

  expected.Key("points").BeginArray();
  for (size_t i = 0; i < series.size(); ++i) {
    bool was_stale = false;
    for (size_t tick = 0; tick < times.size(); ++tick) {
      const auto bits = std::bit_cast<uint64_t>(values[i * times.size() + tick]);
      const bool stale = bits == shared::model::kStaleBits;
      if (!(stale && was_stale)) {
        expected.BeginObject()
            .Key("name")
            .String(series[i].name)
            .Key("unit")
            .String(series[i].unit);
        expected.Key("kind").Unsigned(static_cast<uint64_t>(series[i].kind));
        expected.Key("attributes").BeginObject();
        if (series[i].labels[0].name != "a") expected.Key("a").String("common");
        for (const shared::model::Label& label : series[i].labels) {
          expected.Key(label.name).String(label.value);
        }
        expected.Key("zone").String(common[1].value).EndObject();
        expected.Key("time").String(std::to_string(times[tick]));
        expected.Key("stale").Bool(stale).Key("bits").String(fmt::format("{:016x}", bits));
        expected.EndObject();
      }
      was_stale = stale;
    }
  }
  expected.EndArray();
}

pgvigil::v1::LogChunk& AddChunk(pgvigil::v1::LogFormat format, AcceptedBatch& batch) {
  pgvigil::v1::LogChunk& chunk = *batch.batch.add_logs();
  chunk.mutable_file()->set_id(std::string(16, 'f'));
  chunk.mutable_file()->set_path("/var/log/" + std::to_string(format));
  chunk.mutable_file()->set_format(format);
  chunk.mutable_instance()->set_name("main");
  chunk.mutable_instance()->set_system_identifier(std::numeric_limits<uint64_t>::max());
  return chunk;
}

void MakeLogs(std::mt19937_64& random, AcceptedBatch& batch, JsonWriter& expected) {
  pgvigil::v1::LogChunk& syslog = AddChunk(pgvigil::v1::LOG_FORMAT_SYSLOG_FILE, batch);
  expected.Key("host_logs").BeginArray();
  for (uint64_t i = 0; i < 200; ++i) {
    pgvigil::v1::LogRecord& record = *syslog.add_records();
    record.set_offset(i * 100);
    record.set_time_unix_nano(static_cast<uint64_t>(kTime) + i);
    record.set_observed_unix_nano(static_cast<uint64_t>(kTime) + 2 * i + 1);
    record.set_severity_number(static_cast<uint32_t>(random() % 25));
    record.set_severity_text(RandomText(random));
    record.set_body(RandomText(random));
    record.set_host_name("web");
    record.set_program("sshd");
    record.set_pid(static_cast<uint32_t>(random() % 1000 + 1));
    expected.BeginObject().Key("time").String(std::to_string(record.time_unix_nano()));
    expected.Key("observed").String(std::to_string(record.observed_unix_nano()));
    expected.Key("severity_number").Unsigned(record.severity_number());
    expected.Key("severity_text").String(record.severity_text());
    expected.Key("body").String(record.body()).Key("attributes").BeginObject();
    expected.Key("host.name").String("web").Key("syslog.program").String("sshd");
    expected.Key("process.pid").Unsigned(record.pid());
    expected.Key("log.file.path").String(syslog.file().path());
    expected.Key("log.file.record_offset").Unsigned(record.offset()).EndObject().EndObject();
  }
  expected.EndArray();

  pgvigil::v1::LogChunk& events = AddChunk(pgvigil::v1::LOG_FORMAT_POSTGRES_STDERR, batch);
  for (uint64_t i = 0; i < 50; ++i) {
    pgvigil::v1::LogRecord& record = *events.add_records();
    record.set_time_unix_nano(static_cast<uint64_t>(kTime) + i);
    record.set_severity_number(static_cast<uint32_t>(random() % 25));
    for (std::string* text :
         {record.mutable_severity_text(), record.mutable_body(), record.mutable_database(),
          record.mutable_user(), record.mutable_application_name(), record.mutable_client(),
          record.mutable_session_id(), record.mutable_backend_type(), record.mutable_detail(),
          record.mutable_hint(), record.mutable_context(), record.mutable_statement()}) {
      *text = RandomText(random);
    }
    if (i % 2 == 0) record.set_sqlstate("22012");
    record.set_pid(static_cast<uint32_t>(i));
    record.set_line_num(i);
    record.set_query_id(static_cast<int64_t>(random()));
    record.set_truncated(i % 3 == 0);
    record.set_sanitised(i % 5 == 0);
    pgvigil::v1::Attribute& attribute = *record.add_attributes();
    attribute.set_name("postgresql.location");
    attribute.set_value(RandomText(random));
  }
  expected.Key("events").Signed(events.records_size());
}

void MakeStatements(std::mt19937_64& random, AcceptedBatch& batch, JsonWriter& expected) {
  pgvigil::v1::StatementInterval& interval = *batch.batch.add_statements();
  interval.set_start_unix_nano(static_cast<uint64_t>(kTime));
  interval.set_end_unix_nano(static_cast<uint64_t>(kTime) + 60'000'000'000);
  pgvigil::v1::NamedOid& database = *interval.add_databases();
  database.set_oid(5);
  database.set_name(RandomText(random) + "db");
  pgvigil::v1::StatementTexts& texts = *batch.batch.add_texts();
  for (int i = 0; i < 50; ++i) {
    pgvigil::v1::StatementDelta& delta = *interval.add_deltas();
    delta.set_dbid(5);
    delta.set_queryid(static_cast<int64_t>(random()));
    delta.set_kind(static_cast<pgvigil::v1::DeltaKind>(i % 4));
    delta.set_calls(random() % 1000);
    delta.set_total_exec_time_ms(0.125 * static_cast<double>(random() % 1000));
    delta.set_wal_bytes(random() % 1'000'000);
    delta.set_jit_deform_time_ms(0.5);
    if (i % 2 == 0) delta.set_since_unix_nano(static_cast<uint64_t>(kTime));
    pgvigil::v1::StatementText& text = *texts.add_texts();
    text.set_dbid(5);
    text.set_queryid(i % 3 == 0 ? delta.queryid() : i);
    text.set_text(RandomText(random));
    text.set_fingerprint("01234567");
  }
  expected.Key("statements").Signed(interval.deltas_size());
  expected.Key("texts").Signed(texts.texts_size());
}

void WriteFile(const std::string& path, std::string_view content) {
  std::ofstream(path, std::ios::binary) << content;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: feeds_sample DIRECTORY SEED\n", stderr);
    return 64;
  }
  const std::string directory = argv[1];
  std::mt19937_64 random(std::stoull(argv[2]));
  AcceptedBatch batch = tests::MakeAccepted(pgvigil::v1::STREAM_METRICS);
  JsonWriter expected;
  expected.BeginObject();
  MakeMetrics(random, batch, expected);
  MakeLogs(random, batch, expected);
  MakeStatements(random, batch, expected);
  expected.EndObject();
  WriteFile(directory + "/expected.json", expected.Take());

  for (const std::string encoding : {"otlp_proto", "otlp_json"}) {
    collector::config::Kafka kafka;
    kafka.otel_metrics.encoding = kafka.raw_host_logs.encoding = encoding;
    for (const std::unique_ptr<Feed>& feed : collector::bus::MakeFeeds(kafka)) {
      std::vector<FeedRecord> records;
      if (feed->Encode(batch, tests::BatchLayouts(batch.batch), kRecordBytes, records) != 0)
        return 1;
      const bool json = feed->content_type() == "application/json";
      for (size_t i = 0; i < records.size(); ++i) {
        WriteFile(fmt::format("{}/{}.{}.{}", directory, feed->name(), json ? "json" : "proto", i),
                  records[i].value);
      }
    }
  }
  return 0;
}
