// Log lines into PostgreSQL by way of the store, with merging behind: how fast, how large, and how
// fast a needle is found again. fsync is on. Client, collector and server share the machine; HTTP
// is not in it. Lines are tests/support/log_lines.h's, half PostgreSQL's, half syslog's; each is
// sent once, with a time and an offset of its own, in chunks of 500 lines. They are harder to
// compress than real ones: numbers, durations and names are evenly spread, and two thirds of the
// syslog lines have a random id of 64 bits. zstd alone leaves 12 % of PostgreSQL's messages and 19
// % of syslog's, where of real lines of servers and applications it leaves 11 %.
//
//   log_storage_bench [lines, 10000000] [agents, 16]
//
// ratio_of_raw    bytes on disk (heap, index, TOAST of blocks, segments, patterns, counts and event
//                 rows) by bytes of the lines in their files
// lines_per_s     until the last line is acknowledged, merging under way
// needle_s        warm: the one line that holds a word; of all days, hosts and severities
// substring_s     the same as a substring, which no filter can rule out: all messages are searched
// rows_*          the same on a sample as rows with a btree on time, and the factors to it
//
// The last line is a JSON object.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "collector/storage/store.h"
#include "shared/postgres/copy.h"
#include "tests/support/log_lines.h"
#include "tests/support/postgres_server.h"

namespace {

using namespace std::chrono_literals;
using collector::storage::Store;
using collector::storage::StoreOptions;
using pgvigil::v1::LogRecord;
using shared::Result;
using tests::LogLines;

constexpr int64_t kStart = 1'767'225'600'000'000'000;  // 2026-01-01
constexpr size_t kChunk = 500;
constexpr size_t kDistinct = 400;  // chunks of a source before they come again, shifted
constexpr size_t kSample = 300'000;
constexpr std::string_view kNeedle = "needle4bf92f3577b34da6";

// The newest line's time, the machine's seconds.
class BenchClock final : public shared::Clock {
 public:
  [[nodiscard]] shared::WallTime Now() const override { return shared::FromUnixNanos(now_); }
  [[nodiscard]] shared::MonotonicTime Monotonic() const override {
    return std::chrono::steady_clock::now();
  }
  void Reach(int64_t nanos) {
    int64_t now = now_;
    while (nanos > now && !now_.compare_exchange_weak(now, nanos)) {
    }
  }

 private:
  std::atomic<int64_t> now_{kStart};
};

double SecondsSince(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// Chunks of one source, made once.
struct Template {
  std::vector<std::vector<LogRecord>> chunks;
  int64_t span = 0;    // nanoseconds that all of them take
  uint64_t bytes = 0;  // and bytes in the file
};
Template MakeTemplate(LogLines::Source source, int64_t step) {
  Template out;
  LogLines lines(source, 1, kStart, step);
  out.chunks.resize(kDistinct);
  for (auto& chunk : out.chunks) {
    chunk.resize(kChunk);
    for (LogRecord& record : chunk) lines.Next(record);
  }
  out.bytes = lines.offset();
  out.span = step * static_cast<int64_t>(kDistinct * kChunk);
  return out;
}

// Sends chunks, one batch of each agent under way.
class Load {
 public:
  Load(Store& store, BenchClock& clock, size_t agents, size_t lines)
      : store_(store), clock_(clock), rounds_(lines / agents / kChunk), sent_(agents) {
    // All lines within 20 hours.
    const auto step = static_cast<int64_t>(20.0 * 3600e9 / static_cast<double>(rounds_ * kChunk));
    for (const auto source : {LogLines::Source::kPostgres, LogLines::Source::kSyslog}) {
      templates_.push_back(MakeTemplate(source, step));
    }
  }
  double Run() {
    const auto begin = std::chrono::steady_clock::now();
    under_way_ = sent_.size();
    for (size_t agent = 0; agent < sent_.size(); ++agent) Send(agent);
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [&] { return under_way_ == 0; });
    return SecondsSince(begin);
  }
  [[nodiscard]] size_t lines() const { return rounds_ * sent_.size() * kChunk; }
  [[nodiscard]] uint64_t raw_bytes() const { return raw_bytes_; }
  [[nodiscard]] uint64_t failed() const { return failed_; }
  [[nodiscard]] const Template& syslog() const { return templates_[1]; }

 private:
  void Send(size_t agent) {
    const size_t round = sent_[agent]++;
    if (round == rounds_) {
      const std::lock_guard lock(mutex_);
      under_way_ -= 1;
      idle_.notify_all();
      return;
    }
    // Even agents send PostgreSQL's lines, odd ones syslog's.
    const Template& from = templates_[agent % 2];
    const uint64_t shift = round / kDistinct;
    collector::ingest::AcceptedBatch accepted;
    pgvigil::v1::Batch& batch = accepted.batch;
    std::string id(16, 'b');
    id.replace(0, 8, fmt::format("{:08}", agent));
    batch.set_agent_id(id);
    batch.set_incarnation(1);
    batch.set_stream(pgvigil::v1::STREAM_LOGS);
    batch.set_sequence(round + 1);
    auto* name = batch.mutable_resource()->add_attributes();
    name->set_name("host.name");
    name->set_value(fmt::format("host-{}", agent));
    auto* chunk = batch.add_logs();
    chunk->mutable_file()->set_id(id);
    chunk->mutable_file()->set_path("/var/log/bench.log");
    chunk->mutable_file()->set_format(agent % 2 == 0 ? pgvigil::v1::LOG_FORMAT_POSTGRES_STDERR
                                                     : pgvigil::v1::LOG_FORMAT_SYSLOG_FILE);
    uint64_t bytes = 0;
    for (const LogRecord& line : from.chunks[round % kDistinct]) {
      LogRecord* const record = chunk->add_records();
      *record = line;
      record->set_offset(line.offset() + shift * from.bytes);
      const uint64_t later = shift * static_cast<uint64_t>(from.span);
      record->set_time_unix_nano(line.time_unix_nano() + later);
      record->set_observed_unix_nano(line.observed_unix_nano() + later);
      bytes += record->length();
    }
    if (agent == 1 && round == rounds_ / 2) {
      chunk->mutable_records(7)->set_body(fmt::format("request_id={} user_id=1", kNeedle));
    }
    const LogRecord& last = chunk->records(kChunk - 1);
    chunk->set_begin_offset(chunk->records(0).offset());
    chunk->set_end_offset(last.offset() + last.length());
    clock_.Reach(static_cast<int64_t>(last.time_unix_nano()));
    raw_bytes_ += bytes;
    accepted.tenant.value = 1;
    accepted.cost_bytes = 2 * bytes;
    const bool taken =
        store_.Submit(accepted, [this, agent](Result<pgvigil::v1::BatchReply> reply) {
          if (!reply || reply->refusals_size() > 0) failed_ += 1;
          Send(agent);
        });
    if (taken) return;
    failed_ += 1;
    const std::lock_guard lock(mutex_);
    under_way_ -= 1;
  }

  Store& store_;
  BenchClock& clock_;
  const size_t rounds_;
  std::vector<size_t> sent_;  // each touched by the one callback of its agent
  std::vector<Template> templates_;
  std::atomic<uint64_t> raw_bytes_{0};
  std::atomic<uint64_t> failed_{0};
  std::mutex mutex_;
  std::condition_variable idle_;
  size_t under_way_ = 0;  // under mutex_
};

double Ask(const tests::PostgresServer& server, std::string_view sql) {
  shared::postgres::Connection connection = server.Connect("pgvigil");
  const auto rows = connection.Query(sql);
  if (!rows) fmt::print(stderr, "{}\n", rows.error().message);
  return rows && rows->size() > 0 ? rows->Double(0, 0).value_or(-1) : -1;
}

double SizeOf(const tests::PostgresServer& server, std::string_view table) {
  return Ask(server, fmt::format("SELECT coalesce(sum(pg_total_relation_size(inhrelid)), 0)"
                                 " FROM pg_inherits WHERE inhparent = 'pgvigil.{}'::regclass",
                                 table));
}

// Median of five, the first left out: warm.
double Search(Store& store, const BenchClock& clock, const collector::api::LogQuery& query) {
  std::vector<double> took;
  for (int i = 0; i < 6; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    const auto page = store.reader().Logs({{1}, clock.Monotonic() + 60s}, query);
    took.push_back(SecondsSince(begin));
    if (!page || page->rows.size() != 1) {
      fmt::print(stderr, "needle: {}\n", page ? "not found" : page.error().message);
      return -1;
    }
  }
  std::sort(took.begin() + 1, took.end());
  return took[3];
}

struct AsRows {
  double bytes_per_line = 0, lines_per_s = 0, needle_s = 0;
};
AsRows StoreAsRows(const tests::PostgresServer& server, const Template& syslog) {
  server.Execute(
      "CREATE TABLE public.line (time timestamptz, host_id int4, file_id int8, file_offset int8,"
      " severity int2, pid int8, program text, body text);"
      " CREATE INDEX ON public.line (time)",
      "pgvigil");
  shared::postgres::Connection connection = server.Connect("pgvigil");
  size_t lines = 0;
  const auto begin = std::chrono::steady_clock::now();
  while (lines < kSample) {
    auto copy =
        shared::postgres::CopyIn::Begin(connection, "COPY public.line FROM STDIN (FORMAT binary)");
    if (!copy) return {};
    for (int i = 0; i < 10; ++i) {
      for (const LogRecord& record : syslog.chunks[(lines / kChunk) % kDistinct]) {
        copy->BeginRow(8);
        copy->Timestamptz(shared::FromUnixNanos(static_cast<int64_t>(record.time_unix_nano())));
        copy->Int4(1);
        copy->Int8(1);
        copy->Int8(static_cast<int64_t>(record.offset()));
        copy->Int2(static_cast<int16_t>(record.severity_number()));
        copy->Int8(record.pid());
        copy->Text(record.program());
        copy->Text(record.body());
      }
      lines += kChunk;
    }
    if (!copy->Finish()) return {};
  }
  AsRows out;
  out.lines_per_s = static_cast<double>(lines) / SecondsSince(begin);
  out.bytes_per_line =
      Ask(server, "SELECT pg_total_relation_size('public.line')") / static_cast<double>(lines);
  const std::string sql =
      fmt::format("SELECT count(*) FROM public.line WHERE strpos(body, '{}') > 0", kNeedle);
  Ask(server, sql);
  const auto search = std::chrono::steady_clock::now();
  Ask(server, sql);
  out.needle_s = SecondsSince(search) / static_cast<double>(lines);
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  const size_t wanted = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 10'000'000;
  const size_t agents = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 16;
  const tests::PostgresServer server({.settings = {{"shared_buffers", "512MB"},
                                                   {"max_wal_size", "4GB"},
                                                   {"fsync", "on"},
                                                   {"synchronous_commit", "on"},
                                                   {"full_page_writes", "on"}},
                                      .fsync = true});
  server.Execute("CREATE DATABASE pgvigil");
  BenchClock clock;
  shared::metrics::Registry registry;
  StoreOptions options;
  options.connect = server.Options("pgvigil");
  auto store = Store::Open(options, clock, registry);
  if (!store) return 1;
  while (!(*store)->reader().Ready()) std::this_thread::sleep_for(1ms);

  Load load(**store, clock, agents, wanted);
  const auto begin = std::chrono::steady_clock::now();
  const double took = load.Run();
  clock.Reach(shared::ToUnixNanos(clock.Now() + 1h));  // what is left is old enough
  while (Ask(server, "SELECT count(*) FROM pgvigil.log_block") > 0 && SecondsSince(begin) < 170) {
    std::this_thread::sleep_for(100ms);
  }
  const double all_merged = SecondsSince(begin);
  server.Execute("VACUUM", "pgvigil");
  const auto lines = static_cast<double>(load.lines());
  const auto raw = static_cast<double>(load.raw_bytes());
  const double left = SizeOf(server, "log_block");
  const double segments = SizeOf(server, "log_segment");
  const double counts = SizeOf(server, "log_pattern_count") +
                        Ask(server, "SELECT pg_total_relation_size('pgvigil.log_pattern')");
  const double events = SizeOf(server, "log_event");
  const double bloom = Ask(server, "SELECT sum(octet_length(bloom)) FROM pgvigil.log_segment");

  collector::api::LogQuery query;
  query.range = {shared::FromUnixNanos(kStart - 1), clock.Now() + 1h};
  query.word = kNeedle;
  const double needle = Search(**store, clock, query);
  query.word.reset();
  query.contains = kNeedle;
  const double substring = Search(**store, clock, query);
  const double events_count = Ask(server, "SELECT count(*) FROM pgvigil.log_event");
  (*store)->Close();
  const AsRows rows = StoreAsRows(server, load.syslog());
  const double bytes = left + segments + counts + events;
  fmt::print(
      "{{\"name\":\"log_storage\",\"lines\":{:.0f},\"agents\":{},\"failed\":{},"
      "\"raw_bytes_per_line\":{:.1f},\"ratio_of_raw\":{:.4f},\"segments_of_raw\":{:.4f},"
      "\"bloom_of_raw\":{:.4f},\"counts_of_raw\":{:.4f},\"events_of_raw\":{:.4f},"
      "\"event_lines\":{:.4f},\"blocks_left_of_raw\":{:.4f},\"lines_per_s\":{:.0f},"
      "\"merged_lines_per_s\":{:.0f},\"needle_s\":{:.3f},\"substring_s\":{:.3f},"
      "\"rows_bytes_by_ours\":{:.1f},\"rows_lines_per_s\":{:.0f},\"rows_needle_s\":{:.2f},"
      "\"rows_needle_by_ours\":{:.0f}}}\n",
      lines, agents, load.failed(), raw / lines, bytes / raw, segments / raw, bloom / raw,
      counts / raw, events / raw, events_count / lines, left / raw, lines / took,
      lines / all_merged, needle, substring, rows.bytes_per_line / (bytes / lines),
      rows.lines_per_s, rows.needle_s * lines, rows.needle_s * lines / needle);
  return load.failed() == 0 && needle >= 0 ? 0 : 1;
}
