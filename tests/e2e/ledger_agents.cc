// The agents of the Kafka ledger: many simulated agents, each with a metrics and a logs stream,
// that keep the agent's promises (one request under way a stream, in order, sent again until it is
// acknowledged, layouts when asked for) against collectors that are being killed. Some batches are
// sent again on purpose after they were acknowledged.
//   ledger_agents SEED AGENTS SECONDS URL…
// Ends when all that was begun is acknowledged, and prints what the store must now hold:
//   {"agents":[{"name":"ledger-0","batches":812,"samples":81200,"lines":4060},…],"repeated":33,…}
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <random>
#include <string>
#include <vector>

#include "pgvigil/v1/batch.pb.h"
#include "shared/base/clock.h"
#include "shared/http/client.h"
#include "shared/model/layout.h"
#include "shared/text/cursor.h"
#include "shared/wire/block_codec.h"
#include "shared/wire/layout_proto.h"
#include "shared/wire/zstd.h"

namespace {

using namespace std::chrono_literals;
using pgvigil::v1::Batch;
using Time = std::chrono::steady_clock::time_point;

constexpr uint32_t kSeries = 20;
constexpr uint32_t kTicks = 5;
constexpr size_t kLines = 10;
constexpr auto kPace = 150ms;  // between a stream's batches, at least

// One stream of one agent: what it sends now, and when it may try again.
struct Stream {
  size_t agent = 0;
  pgvigil::v1::Stream kind = pgvigil::v1::STREAM_METRICS;
  uint64_t sequence = 0;  // of the batch under way
  uint64_t acknowledged = 0;
  std::string body;       // of the batch under way; empty: none
  std::string last_body;  // of the one before
  Time not_before{};
  bool in_flight = false;
};

class Ledger {
 public:
  Ledger(uint64_t seed, size_t agents, std::vector<std::string> urls)
      : random_(seed), urls_(std::move(urls)), agents_(agents) {
    for (uint32_t i = 0; i < kSeries; ++i) {
      layout_.series.push_back(
          {fmt::format("ledger.value_{}", i), "1", shared::model::MetricKind::kGauge, {}});
    }
    layout_.hash = shared::model::ComputeHash(layout_.common_labels, layout_.series);
    for (size_t i = 0; i < agents; ++i) {
      for (const auto kind : {pgvigil::v1::STREAM_METRICS, pgvigil::v1::STREAM_LOGS}) {
        streams_.push_back({i, kind, 0, 0, "", "", {}, false});
      }
    }
    incarnation_ = static_cast<uint64_t>(shared::ToUnixNanos(shared::SystemClock().Now()));
  }

  bool Run(std::chrono::seconds duration) {
    auto client = shared::http::Client::Create({.request_timeout = 30s});
    if (!client) return false;
    const Time end = std::chrono::steady_clock::now() + duration;
    const Time patience = end + 120s;
    while (true) {
      const Time now = std::chrono::steady_clock::now();
      bool busy = false;
      for (Stream& stream : streams_) {
        if (!stream.in_flight && stream.body.empty() && now < end && now >= stream.not_before) {
          Begin(stream);
        }
        if (!stream.in_flight && !stream.body.empty() && now >= stream.not_before) {
          Send(*client, stream);
        }
        busy = busy || !stream.body.empty();
      }
      if (now >= end && !busy && client->in_flight() == 0) return true;
      if (now >= patience) {
        fmt::print(stderr, "not all was acknowledged in two minutes; last: {}\n", last_failure_);
        return false;
      }
      client->Poll(20ms);
    }
  }

  void Print() const {
    std::vector<std::string> rows;
    for (size_t i = 0; i < agents_; ++i) {
      const uint64_t metrics = streams_[2 * i].acknowledged;
      const uint64_t logs = streams_[2 * i + 1].acknowledged;
      rows.push_back(
          fmt::format(R"({{"name":"ledger-{}","metrics":{},"logs":{},"samples":{},"lines":{}}})", i,
                      metrics, logs, metrics * kSeries * kTicks, logs * kLines));
    }
    fmt::print(
        R"({{"agents":[{}],"repeated":{},"failures":{},"told_to_wait":{},"layouts_asked":{}}})"
        "\n",
        fmt::join(rows, ","), repeated_, failures_, told_to_wait_, layouts_asked_);
  }

 private:
  void Begin(Stream& stream) {
    stream.sequence += 1;
    Batch batch;
    batch.set_agent_id(fmt::format("ledger-{:09}", stream.agent));
    batch.set_incarnation(incarnation_);
    batch.set_stream(stream.kind);
    batch.set_sequence(stream.sequence);
    for (const char* key : {"host.id", "host.name"}) {
      pgvigil::v1::Attribute* attribute = batch.mutable_resource()->add_attributes();
      attribute->set_name(key);
      attribute->set_value(fmt::format("ledger-{}", stream.agent));
    }
    if (stream.kind == pgvigil::v1::STREAM_METRICS) {
      AddBlock(stream, batch);
    } else {
      AddLines(stream, batch);
    }
    stream.body.clear();
    compressor_.Append(batch.SerializeAsString(), stream.body);
  }

  void AddBlock(const Stream& stream, Batch& batch) {
    shared::model::Block block;
    block.series = kSeries;
    const int64_t now = shared::ToUnixNanos(shared::SystemClock().Now());
    for (uint32_t tick = 0; tick < kTicks; ++tick) {
      block.times_unix_nano.push_back(now - int64_t{10'000'000} * (kTicks - 1 - tick));
    }
    for (uint32_t series = 0; series < kSeries; ++series) {
      for (uint32_t tick = 0; tick < kTicks; ++tick) {
        block.values.push_back(static_cast<double>(stream.sequence * 1000 + series * 10 + tick));
      }
    }
    pgvigil::v1::MetricBlock& encoded = *batch.add_blocks();
    encoded.set_layout_hash(layout_.hash.bytes.data(), layout_.hash.bytes.size());
    encoded.set_first_unix_nano(static_cast<uint64_t>(block.times_unix_nano.front()));
    encoded.set_last_unix_nano(static_cast<uint64_t>(block.times_unix_nano.back()));
    encoded.set_ticks(kTicks);
    encoded.set_series(kSeries);
    encoder_.Encode(block, *encoded.mutable_payload());
  }

  void AddLines(const Stream& stream, Batch& batch) {
    constexpr uint64_t kLineBytes = 40;
    const int64_t now = shared::ToUnixNanos(shared::SystemClock().Now());
    pgvigil::v1::LogChunk& chunk = *batch.add_logs();
    chunk.mutable_file()->set_id(fmt::format("file-{:011}", stream.agent));
    chunk.mutable_file()->set_path("/var/log/syslog");
    chunk.mutable_file()->set_format(pgvigil::v1::LOG_FORMAT_SYSLOG_FILE);
    const uint64_t first = (stream.sequence - 1) * kLines;
    chunk.set_begin_offset(first * kLineBytes);
    chunk.set_end_offset((first + kLines) * kLineBytes);
    for (size_t i = 0; i < kLines; ++i) {
      pgvigil::v1::LogRecord& record = *chunk.add_records();
      record.set_offset((first + i) * kLineBytes);
      record.set_length(kLineBytes);
      record.set_time_unix_nano(static_cast<uint64_t>(now));
      record.set_severity_number(9);
      record.set_severity_text("info");
      record.set_program("ledger");
      record.set_body(fmt::format("line {} of agent {}", first + i, stream.agent));
    }
  }

  void Send(shared::http::Client& client, Stream& stream) {
    shared::http::Request request;
    request.method = "POST";
    request.url = urls_[random_() % urls_.size()] + "/v1/batches";
    request.headers = {{"Content-Type", "application/x-protobuf"}, {"Content-Encoding", "zstd"}};
    request.body = stream.body;
    stream.in_flight = true;
    client.Start(std::move(request), [this, &stream](auto reply) {
      stream.in_flight = false;
      OnReply(stream, reply);
    });
    if (!stream.last_body.empty() && random_() % 40 == 0) Repeat(client, stream);
  }

  // What a lost acknowledgement looks like: the batch before, once more, whatever becomes of it.
  void Repeat(shared::http::Client& client, const Stream& stream) {
    shared::http::Request request;
    request.method = "POST";
    request.url = urls_[random_() % urls_.size()] + "/v1/batches";
    request.headers = {{"Content-Type", "application/x-protobuf"}, {"Content-Encoding", "zstd"}};
    request.body = stream.last_body;
    repeated_ += 1;
    client.Start(std::move(request), [](const auto&) {});
  }

  void OnReply(Stream& stream, const shared::Result<shared::http::Response>& reply) {
    const Time now = std::chrono::steady_clock::now();
    pgvigil::v1::BatchReply parsed;
    if (!reply || reply->status != 200 || !parsed.ParseFromString(reply->body)) {
      failures_ += 1;
      if (reply && reply->status == 503 && reply->retry_after >= 0s) told_to_wait_ += 1;
      last_failure_ =
          reply ? fmt::format("{} {}", reply->status, reply->body) : reply.error().message;
      stream.not_before = now + std::chrono::milliseconds(50 + random_() % 500);
      return;
    }
    if (parsed.missing_layouts_size() > 0) {
      layouts_asked_ += 1;
      Batch front;
      *front.add_layouts() = shared::wire::ToProto(layout_);
      std::string body;
      compressor_.Append(front.SerializeAsString(), body);
      stream.body = body + stream.body;
      return;
    }
    if (parsed.acknowledged_sequence() < stream.sequence) {
      failures_ += 1;
      last_failure_ =
          fmt::format("acknowledged {} of {}", parsed.acknowledged_sequence(), stream.sequence);
      stream.not_before = now + 100ms;
      return;
    }
    stream.acknowledged = stream.sequence;
    stream.last_body = std::move(stream.body);
    stream.body.clear();
    stream.not_before = now + kPace;
  }

  std::mt19937_64 random_;
  const std::vector<std::string> urls_;
  const size_t agents_;
  uint64_t incarnation_ = 0;
  shared::model::Layout layout_;
  std::deque<Stream> streams_;  // two for each agent: metrics, logs
  shared::wire::BlockEncoder encoder_;
  shared::wire::Compressor compressor_;
  uint64_t repeated_ = 0;
  uint64_t failures_ = 0;
  uint64_t told_to_wait_ = 0;  // of them: 503 with Retry-After
  uint64_t layouts_asked_ = 0;
  std::string last_failure_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    fmt::print(stderr, "usage: ledger_agents SEED AGENTS SECONDS URL…\n");
    return 64;
  }
  const auto number = [&](int i) {
    return shared::text::ParseNumber<uint64_t>(argv[i]).value_or(0);
  };
  Ledger ledger(number(1), number(2), {argv + 4, argv + argc});
  if (!ledger.Run(std::chrono::seconds(number(3)))) return 1;
  ledger.Print();
  return 0;
}
