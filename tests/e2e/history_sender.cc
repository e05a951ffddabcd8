// Sends batches of a history that somebody else made up, keeping an agent's promises: one request
// under way a stream, in order, sent again until it is acknowledged, layouts when asked for. Now
// and then a batch is sent once more after its acknowledgement.
//   history_sender SEED SERIES URL < history
// Hosts are "history-N"; their layout is SERIES series in turn: a counter "history.count_0", a
// gauge "history.level_0", a counter "history.count_1" …  Standard input:
//   batch HOST metrics|logs SEQUENCE
//   block TICKS TIME_MS… VALUE…              (TICKS times; values of the first series, the next, …)
//   line OFFSET TIME_MS SEVERITY MESSAGE     (40 bytes of the host's log file each)
// A batch has any number of blocks, or of lines that follow each other. Ends with 0 when all is
// acknowledged, with 1 when that took longer than five minutes.
#include <fmt/core.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <iostream>
#include <map>
#include <random>
#include <string>
#include <utility>

#include "pgvigil/v1/batch.pb.h"
#include "shared/http/client.h"
#include "shared/model/layout.h"
#include "shared/text/cursor.h"
#include "shared/wire/block_codec.h"
#include "shared/wire/layout_proto.h"
#include "shared/wire/zstd.h"

namespace {

using namespace std::chrono_literals;
using pgvigil::v1::Batch;
using shared::text::FieldCursor;
using Time = std::chrono::steady_clock::time_point;

constexpr uint64_t kIncarnation = 1;
constexpr uint64_t kLineBytes = 40;

// What is still to be sent of one stream of one host, the first perhaps under way.
struct Stream {
  std::deque<std::pair<uint64_t, std::string>> bodies;  // by sequence
  std::string last_body;
  Time not_before{};
  bool in_flight = false;
};

shared::model::Layout MakeLayout(uint32_t series) {
  using shared::model::MetricKind;
  shared::model::Layout layout;
  for (uint32_t i = 0; i < series; ++i) {
    const bool counter = i % 2 == 0;
    layout.series.push_back({fmt::format("history.{}_{}", counter ? "count" : "level", i / 2),
                             "1",
                             counter ? MetricKind::kCounter : MetricKind::kGauge,
                             {}});
  }
  layout.hash = shared::model::ComputeHash(layout.common_labels, layout.series);
  return layout;
}

// Reads the whole history; a line that is none ends the program: the test is wrong.
class History {
 public:
  explicit History(const shared::model::Layout& layout) : layout_(layout) {}

  bool Read(std::map<std::pair<uint64_t, bool>, Stream>& streams) {
    std::string line;
    while (std::getline(std::cin, line)) {
      FieldCursor fields(line);
      const std::string_view what = fields.Take();
      const bool good = what == "batch"   ? TakeBatch(fields, streams)
                        : what == "block" ? TakeBlock(fields)
                        : what == "line"  ? TakeLine(fields)
                                          : false;
      if (!good) {
        fmt::print(stderr, "not a line of a history: {}\n", line.substr(0, 200));
        return false;
      }
    }
    Finish();
    return true;
  }

 private:
  bool TakeBatch(FieldCursor& fields, std::map<std::pair<uint64_t, bool>, Stream>& streams) {
    Finish();
    const auto host = fields.TakeNumber<uint64_t>();
    const bool metrics = fields.Take() == "metrics";
    const auto sequence = fields.TakeNumber<uint64_t>();
    if (!host || !sequence) return false;
    host_ = *host;
    stream_ = &streams[{host_, metrics}];
    batch_.Clear();
    batch_.set_agent_id(fmt::format("history-{:08}", host_));
    batch_.set_incarnation(kIncarnation);
    batch_.set_stream(metrics ? pgvigil::v1::STREAM_METRICS : pgvigil::v1::STREAM_LOGS);
    batch_.set_sequence(*sequence);
    for (const char* key : {"host.id", "host.name"}) {
      pgvigil::v1::Attribute* attribute = batch_.mutable_resource()->add_attributes();
      attribute->set_name(key);
      attribute->set_value(fmt::format("history-{}", host_));
    }
    return true;
  }

  bool TakeBlock(FieldCursor& fields) {
    const auto ticks = fields.TakeNumber<uint32_t>();
    if (stream_ == nullptr || !ticks || *ticks == 0) return false;
    shared::model::Block block;
    block.series = static_cast<uint32_t>(layout_.series.size());
    for (uint32_t i = 0; i < *ticks; ++i) {
      const auto time_ms = fields.TakeNumber<int64_t>();
      if (!time_ms) return false;
      block.times_unix_nano.push_back(*time_ms * 1'000'000);
    }
    for (uint32_t i = 0; i < *ticks * block.series; ++i) {
      const auto value = fields.TakeNumber<double>();
      if (!value) return false;
      block.values.push_back(*value);
    }
    pgvigil::v1::MetricBlock& encoded = *batch_.add_blocks();
    encoded.set_layout_hash(layout_.hash.bytes.data(), layout_.hash.bytes.size());
    encoded.set_first_unix_nano(static_cast<uint64_t>(block.times_unix_nano.front()));
    encoded.set_last_unix_nano(static_cast<uint64_t>(block.times_unix_nano.back()));
    encoded.set_ticks(*ticks);
    encoded.set_series(block.series);
    encoder_.Encode(block, *encoded.mutable_payload());
    return true;
  }

  bool TakeLine(FieldCursor& fields) {
    const auto offset = fields.TakeNumber<uint64_t>();
    const auto time_ms = fields.TakeNumber<uint64_t>();
    const auto severity = fields.TakeNumber<uint32_t>();
    if (stream_ == nullptr || !offset || !time_ms || !severity) return false;
    if (batch_.logs_size() == 0) {
      pgvigil::v1::LogChunk& chunk = *batch_.add_logs();
      chunk.mutable_file()->set_id(fmt::format("file-{:011}", host_));
      chunk.mutable_file()->set_path("/var/log/syslog");
      chunk.mutable_file()->set_format(pgvigil::v1::LOG_FORMAT_SYSLOG_FILE);
      chunk.set_begin_offset(*offset);
    }
    pgvigil::v1::LogChunk& chunk = *batch_.mutable_logs(0);
    chunk.set_end_offset(*offset + kLineBytes);
    pgvigil::v1::LogRecord& record = *chunk.add_records();
    record.set_offset(*offset);
    record.set_length(kLineBytes);
    record.set_time_unix_nano(*time_ms * 1'000'000);
    record.set_severity_number(*severity);
    record.set_severity_text(*severity >= 13 ? "warning" : "info");
    record.set_program("history");
    record.set_body(std::string(fields.TakeUntil('\n')));
    return true;
  }

  void Finish() {
    if (stream_ == nullptr) return;
    std::string body;
    compressor_.Append(batch_.SerializeAsString(), body);
    stream_->bodies.emplace_back(batch_.sequence(), std::move(body));
    stream_ = nullptr;
  }

  const shared::model::Layout& layout_;
  shared::wire::BlockEncoder encoder_;
  shared::wire::Compressor compressor_;
  Batch batch_;  // under way when stream_ is set
  uint64_t host_ = 0;
  Stream* stream_ = nullptr;
};

class Sender {
 public:
  Sender(uint64_t seed, std::string url, const shared::model::Layout& layout)
      : random_(seed), url_(std::move(url)), layout_(layout) {}

  bool Run(std::map<std::pair<uint64_t, bool>, Stream>& streams) {
    auto client = shared::http::Client::Create({.request_timeout = 30s});
    if (!client) return false;
    const Time patience = std::chrono::steady_clock::now() + 300s;
    while (true) {
      const Time now = std::chrono::steady_clock::now();
      bool busy = false;
      for (auto& [key, stream] : streams) {
        if (stream.bodies.empty()) continue;
        busy = true;
        if (!stream.in_flight && now >= stream.not_before) Send(*client, stream);
      }
      if (!busy && client->in_flight() == 0) return true;
      if (now >= patience) {
        fmt::print(stderr, "not all was acknowledged in five minutes; last: {}\n", last_failure_);
        return false;
      }
      client->Poll(20ms);
    }
  }

 private:
  [[nodiscard]] shared::http::Request RequestOf(const std::string& body) const {
    shared::http::Request request;
    request.method = "POST";
    request.url = url_ + "/v1/batches";
    request.headers = {{"Content-Type", "application/x-protobuf"}, {"Content-Encoding", "zstd"}};
    request.body = body;
    return request;
  }

  void Send(shared::http::Client& client, Stream& stream) {
    stream.in_flight = true;
    client.Start(RequestOf(stream.bodies.front().second), [this, &stream](auto reply) {
      stream.in_flight = false;
      OnReply(stream, reply);
    });
    // What a lost acknowledgement looks like.
    if (!stream.last_body.empty() && random_() % 20 == 0) {
      client.Start(RequestOf(stream.last_body), [](const auto&) {});
    }
  }

  void OnReply(Stream& stream, const shared::Result<shared::http::Response>& reply) {
    auto& [sequence, body] = stream.bodies.front();
    pgvigil::v1::BatchReply parsed;
    if (!reply || reply->status != 200 || !parsed.ParseFromString(reply->body)) {
      last_failure_ =
          reply ? fmt::format("{} {}", reply->status, reply->body) : reply.error().message;
      stream.not_before =
          std::chrono::steady_clock::now() + std::chrono::milliseconds(50 + random_() % 300);
      return;
    }
    if (parsed.missing_layouts_size() > 0) {
      Batch front;
      *front.add_layouts() = shared::wire::ToProto(layout_);
      std::string with_layout;
      compressor_.Append(front.SerializeAsString(), with_layout);
      body.insert(0, with_layout);
      return;
    }
    if (parsed.acknowledged_sequence() < sequence) {
      last_failure_ =
          fmt::format("acknowledged {} of {}", parsed.acknowledged_sequence(), sequence);
      stream.not_before = std::chrono::steady_clock::now() + 100ms;
      return;
    }
    stream.last_body = std::move(body);
    stream.bodies.pop_front();
  }

  std::mt19937_64 random_;
  const std::string url_;
  const shared::model::Layout& layout_;
  shared::wire::Compressor compressor_;
  std::string last_failure_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    fmt::print(stderr, "usage: history_sender SEED SERIES URL < history\n");
    return 64;
  }
  const auto number = [&](int i) {
    return shared::text::ParseNumber<uint32_t>(argv[i]).value_or(0);
  };
  const shared::model::Layout layout = MakeLayout(number(2));
  std::map<std::pair<uint64_t, bool>, Stream> streams;
  if (!History(layout).Read(streams)) return 65;
  return Sender(number(1), argv[3], layout).Run(streams) ? 0 : 1;
}
