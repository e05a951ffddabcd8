// Many simulated agents against one collector: posts batches of 500 series × 6 ticks, one request
// under way an agent, and prints how many samples were acknowledged in how many seconds. What the
// agents do (encoding) is done before the clock starts; registering their series is, too.
//   ingest_bench URL AGENTS ROUNDS CONNECTIONS
#include <fmt/core.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <deque>
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
#include "tests/bench/shared/host_blocks.h"

namespace {

constexpr uint32_t kSeries = 500;
constexpr uint32_t kTicks = 6;
constexpr uint64_t kIncarnation = 1;
constexpr size_t kHosts = 16;  // different ones; the other agents repeat them

using Clock = std::chrono::steady_clock;

struct Agent {
  std::vector<std::string> bodies;  // by round
  size_t next = 0;
};

shared::model::Layout MakeLayout() {
  shared::model::Layout layout;
  for (uint32_t i = 0; i < kSeries; ++i) {
    layout.series.push_back({fmt::format("bench.metric_{}", i / 10),
                             "By",
                             shared::model::MetricKind::kGauge,
                             {{"part", fmt::format("{}", i % 10)}}});
  }
  layout.hash = shared::model::ComputeHash(layout.common_labels, layout.series);
  return layout;
}

// The payloads of one host, shifted so that its last tick is now.
std::vector<pgvigil::v1::MetricBlock> EncodeHost(uint64_t seed, size_t rounds,
                                                 const shared::model::Layout& layout) {
  std::vector<shared::model::Block> blocks =
      shared::bench::MakeHostBlocks(seed, kSeries, kTicks, rounds);
  const int64_t shift =
      shared::ToUnixNanos(shared::SystemClock().Now()) - blocks.back().times_unix_nano.back();
  shared::wire::BlockEncoder encoder;
  std::vector<pgvigil::v1::MetricBlock> out;
  for (shared::model::Block& block : blocks) {
    for (int64_t& time : block.times_unix_nano) time += shift;
    pgvigil::v1::MetricBlock& encoded = out.emplace_back();
    encoded.set_layout_hash(layout.hash.bytes.data(), layout.hash.bytes.size());
    encoded.set_first_unix_nano(static_cast<uint64_t>(block.times_unix_nano.front()));
    encoded.set_last_unix_nano(static_cast<uint64_t>(block.times_unix_nano.back()));
    encoded.set_ticks(kTicks);
    encoded.set_series(kSeries);
    encoder.Encode(block, *encoded.mutable_payload());
  }
  return out;
}

std::vector<Agent> MakeAgents(size_t count, size_t rounds) {
  const shared::model::Layout layout = MakeLayout();
  std::vector<std::vector<pgvigil::v1::MetricBlock>> hosts;
  for (size_t i = 0; i < kHosts; ++i) hosts.push_back(EncodeHost(i + 1, rounds, layout));
  shared::wire::Compressor compressor;
  std::vector<Agent> agents(count);
  for (size_t i = 0; i < count; ++i) {
    const std::string name = fmt::format("bench-{:05}", i);
    for (size_t round = 0; round < rounds; ++round) {
      pgvigil::v1::Batch batch;
      batch.set_agent_id(fmt::format("{:016}", i));
      batch.set_incarnation(kIncarnation);
      batch.set_stream(pgvigil::v1::STREAM_METRICS);
      batch.set_sequence(round + 1);
      for (const char* key : {"host.id", "host.name"}) {
        pgvigil::v1::Attribute* attribute = batch.mutable_resource()->add_attributes();
        attribute->set_name(key);
        attribute->set_value(name);
      }
      if (round == 0) *batch.add_layouts() = shared::wire::ToProto(layout);
      *batch.add_blocks() = hosts[i % kHosts][round];
      compressor.Append(batch.SerializeAsString(), agents[i].bodies.emplace_back());
    }
  }
  return agents;
}

// Sends rounds [0, until) of every agent, those that were sent already left out; the number of
// acknowledged batches. Ends the program when an answer is no acknowledgement.
size_t SendRounds(shared::http::Client& client, const std::string& url, std::vector<Agent>& agents,
                  size_t until, size_t connections) {
  size_t acknowledged = 0;
  std::deque<size_t> idle;
  for (size_t i = 0; i < agents.size(); ++i) idle.push_back(i);
  size_t waiting = agents.size();
  while (waiting > 0) {
    while (client.in_flight() < connections && !idle.empty()) {
      const size_t index = idle.front();
      idle.pop_front();
      if (agents[index].next >= until) {
        waiting -= 1;
        continue;
      }
      shared::http::Request request;
      request.method = "POST";
      request.url = url;
      request.headers = {{"Content-Type", "application/x-protobuf"}, {"Content-Encoding", "zstd"}};
      request.body = agents[index].bodies[agents[index].next];
      client.Start(std::move(request), [&, index](shared::Result<shared::http::Response> reply) {
        if (reply && reply->status == 503) {  // the queue is full: the same batch again
          idle.push_back(index);
          return;
        }
        pgvigil::v1::BatchReply parsed;
        if (!reply || reply->status != 200 || !parsed.ParseFromString(reply->body) ||
            parsed.acknowledged_sequence() != agents[index].next + 1) {
          fmt::print(
              stderr, "not acknowledged: {}\n",
              reply ? fmt::format("{} {}", reply->status, reply->body) : reply.error().message);
          std::exit(1);
        }
        agents[index].next += 1;
        acknowledged += 1;
        idle.push_back(index);
      });
    }
    client.Poll(std::chrono::milliseconds(100));
  }
  return acknowledged;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    fmt::print(stderr, "usage: ingest_bench URL AGENTS ROUNDS CONNECTIONS\n");
    return 64;
  }
  const auto number = [&](int i) { return shared::text::ParseNumber<size_t>(argv[i]).value_or(0); };
  const std::string url = std::string(argv[1]) + "/v1/batches";
  std::vector<Agent> agents = MakeAgents(number(2), number(3));
  auto client = shared::http::Client::Create({});
  if (!client || agents.empty() || number(3) < 2 || number(4) == 0) return 64;
  SendRounds(*client, url, agents, 1, number(4));  // registers hosts, layouts and series
  const Clock::time_point begin = Clock::now();
  const size_t batches = SendRounds(*client, url, agents, number(3), number(4));
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  const auto samples = static_cast<double>(batches * kSeries * kTicks);
  fmt::print(
      "{{\"samples_per_s\":{:.0f},\"batches_per_s\":{:.0f},\"samples\":{:.0f},\"seconds\":{:.2f}}}"
      "\n",
      samples / seconds, static_cast<double>(batches) / seconds, samples, seconds);
  return 0;
}
