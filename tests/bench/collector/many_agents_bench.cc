// Many simulated agents, each with a TLS connection of its own that it keeps: every one pushes a
// batch of 10 series each interval, at its own moment within it, and waits for the acknowledgement.
// They come one after the other within RAMP_SECONDS; how they fare is counted from two intervals
// after that on, for SECONDS.
//   many_agents_bench PORT CA_FILE AGENTS INTERVAL_SECONDS RAMP_SECONDS SECONDS
#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "pgvigil/v1/batch.pb.h"
#include "shared/base/check.h"
#include "shared/base/clock.h"
#include "shared/base/unique_fd.h"
#include "shared/model/layout.h"
#include "shared/text/cursor.h"
#include "shared/wire/block_codec.h"
#include "shared/wire/layout_proto.h"
#include "shared/wire/zstd.h"

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr uint32_t kSeries = 10;

struct SslDeleter {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

enum class State { kAway, kConnecting, kShaking, kIdle, kWriting, kReading };

struct Agent {
  shared::UniqueFd fd;
  std::unique_ptr<SSL, SslDeleter> ssl;
  State state = State::kAway;
  uint64_t sequence = 1;  // of the next batch
  std::string request;    // under way
  size_t sent = 0;
  std::string reply;
  Clock::time_point began;
};

struct Figures {
  uint64_t pushes = 0;
  uint64_t acknowledged = 0;
  uint64_t late = 0;                // still busy when the next push was due
  uint64_t cut_off = 0;             // connections that ended
  uint64_t ramp_cut_off = 0;        // the same, before counting began
  uint64_t connects = 0;            // handshakes that were finished, from the beginning on
  std::map<int, uint64_t> refused;  // by status
  std::vector<double> push_ms;
  std::vector<double> handshake_ms;
};

double Milliseconds(Clock::time_point since) {
  return std::chrono::duration<double, std::milli>(Clock::now() - since).count();
}

double Quantile(std::vector<double>& values, double q) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(q * static_cast<double>(values.size() - 1))];
}

shared::model::Layout MakeLayout() {
  shared::model::Layout layout;
  for (uint32_t i = 0; i < kSeries; ++i) {
    layout.series.push_back(
        {fmt::format("bench.many_{}", i), "1", shared::model::MetricKind::kGauge, {}});
  }
  layout.hash = shared::model::ComputeHash(layout.common_labels, layout.series);
  return layout;
}

class Fleet {
 public:
  Fleet(uint16_t port, const char* ca_file, size_t agents)
      : port_(port), epoll_(::epoll_create1(EPOLL_CLOEXEC)), agents_(agents) {
    context_.reset(SSL_CTX_new(TLS_client_method()));
    CHECK(SSL_CTX_load_verify_file(context_.get(), ca_file) == 1);
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_mode(context_.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                         SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  }

  Figures Run(std::chrono::seconds interval, std::chrono::seconds ramp,
              std::chrono::seconds seconds) {
    const Clock::time_point start = Clock::now();
    const auto step = std::chrono::duration_cast<std::chrono::nanoseconds>(ramp) /
                      static_cast<int64_t>(agents_.size());
    for (size_t i = 0; i < agents_.size(); ++i) {
      due_.push({start + static_cast<int64_t>(i) * step, i});
    }
    Serve(start + ramp + 2 * interval, interval);
    Figures ramped = std::exchange(figures_, {});
    figures_.handshake_ms = std::move(ramped.handshake_ms);
    figures_.ramp_cut_off = ramped.cut_off;
    figures_.connects = ramped.connects;
    Serve(start + ramp + 2 * interval + seconds, interval);
    return std::move(figures_);
  }
  [[nodiscard]] size_t connected() const {
    return static_cast<size_t>(std::count_if(agents_.begin(), agents_.end(), [](const Agent& one) {
      return one.state >= State::kIdle;
    }));
  }

 private:
  void Serve(Clock::time_point until, std::chrono::seconds interval) {
    while (Clock::now() < until) {
      while (due_.top().first <= Clock::now()) {
        const auto [time, index] = due_.top();
        due_.pop();
        due_.push({time + interval, index});
        Push(index);
      }
      std::array<epoll_event, 256> events{};
      const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), 1);
      for (int i = 0; i < count; ++i) Continue(agents_[events[static_cast<size_t>(i)].data.u64]);
    }
  }

  void Push(size_t index) {
    Agent& agent = agents_[index];
    if (agent.state != State::kAway && agent.state != State::kIdle) {
      figures_.late += 1;
      return;
    }
    figures_.pushes += 1;
    MakeRequest(index);
    if (agent.state == State::kAway) return Connect(index);
    agent.state = State::kWriting;
    agent.began = Clock::now();
    Continue(agent);
  }

  void MakeRequest(size_t index) {
    Agent& agent = agents_[index];
    const int64_t now = shared::ToUnixNanos(shared::SystemClock().Now());
    shared::model::Block block;
    block.series = kSeries;
    block.times_unix_nano = {now};
    for (uint32_t i = 0; i < kSeries; ++i)
      block.values.push_back(static_cast<double>(i + agent.sequence));
    pgvigil::v1::Batch batch;
    batch.set_agent_id(fmt::format("{:016}", index));
    batch.set_incarnation(1);
    batch.set_stream(pgvigil::v1::STREAM_METRICS);
    batch.set_sequence(agent.sequence);
    for (const char* key : {"host.id", "host.name"}) {
      pgvigil::v1::Attribute* attribute = batch.mutable_resource()->add_attributes();
      attribute->set_name(key);
      attribute->set_value(fmt::format("many-{:05}", index));
    }
    if (agent.sequence == 1) *batch.add_layouts() = shared::wire::ToProto(layout_);
    pgvigil::v1::MetricBlock& encoded = *batch.add_blocks();
    encoded.set_layout_hash(layout_.hash.bytes.data(), layout_.hash.bytes.size());
    encoded.set_first_unix_nano(static_cast<uint64_t>(now));
    encoded.set_last_unix_nano(static_cast<uint64_t>(now));
    encoded.set_ticks(1);
    encoded.set_series(kSeries);
    encoder_.Encode(block, *encoded.mutable_payload());
    std::string body;
    compressor_.Append(batch.SerializeAsString(), body);
    agent.request = fmt::format(
        "POST /v1/batches HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n"
        "Content-Encoding: zstd\r\nContent-Length: {}\r\n\r\n",
        body.size());
    agent.request += body;
    agent.sent = 0;
  }

  void Connect(size_t index) {
    Agent& agent = agents_[index];
    agent.fd.Reset(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    CHECK(agent.fd.valid());
    const int yes = 1;
    ::setsockopt(agent.fd.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    agent.began = Clock::now();
    agent.state = State::kConnecting;
    // NOLINTNEXTLINE: the sockets interface wants this cast.
    ::connect(agent.fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
    agent.ssl.reset(SSL_new(context_.get()));
    SSL_set_fd(agent.ssl.get(), agent.fd.get());
    SSL_set1_host(agent.ssl.get(), "localhost");
    SSL_set_connect_state(agent.ssl.get());
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.u64 = index;
    CHECK(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, agent.fd.get(), &event) == 0);
  }

  void CutOff(Agent& agent) {
    figures_.cut_off += 1;
    agent.ssl.reset();
    agent.fd.Reset();
    agent.state = State::kAway;
  }

  // Goes as far as it can without waiting.
  void Continue(Agent& agent) {
    ERR_clear_error();
    if (agent.state == State::kConnecting) agent.state = State::kShaking;
    if (agent.state == State::kShaking && !Shake(agent)) return;
    if (agent.state == State::kWriting && !Write(agent)) return;
    if (agent.state == State::kReading || agent.state == State::kIdle) Read(agent);
  }
  bool Shake(Agent& agent) {
    const int result = SSL_do_handshake(agent.ssl.get());
    if (result != 1) return Blocked(agent, result);
    figures_.connects += 1;
    figures_.handshake_ms.push_back(Milliseconds(agent.began));
    agent.began = Clock::now();
    agent.state = State::kWriting;
    return true;
  }
  bool Write(Agent& agent) {
    while (agent.sent < agent.request.size()) {
      size_t written = 0;
      const int result = SSL_write_ex(agent.ssl.get(), agent.request.data() + agent.sent,
                                      agent.request.size() - agent.sent, &written);
      if (result != 1) return Blocked(agent, result);
      agent.sent += written;
    }
    agent.reply.clear();
    agent.state = State::kReading;
    return true;
  }
  void Read(Agent& agent) {
    while (true) {
      char buffer[4096];
      size_t got = 0;
      const int result = SSL_read_ex(agent.ssl.get(), buffer, sizeof buffer, &got);
      if (result != 1) {
        Blocked(agent, result);
        return;
      }
      agent.reply.append(buffer, got);
      const size_t head = agent.reply.find("\r\n\r\n");
      const size_t field = agent.reply.find("Content-Length: ");
      if (head == std::string::npos || field > head) continue;
      const std::string_view length = std::string_view(agent.reply).substr(field + 16);
      const size_t body =
          shared::text::ParseNumber<size_t>(length.substr(0, length.find('\r'))).value_or(0);
      if (agent.reply.size() < head + 4 + body) continue;
      TakeReply(agent, std::string_view(agent.reply).substr(head + 4, body));
    }
  }
  void TakeReply(Agent& agent, std::string_view body) {
    const int status =
        shared::text::ParseNumber<int>(std::string_view(agent.reply).substr(9, 3)).value_or(0);
    pgvigil::v1::BatchReply reply;
    if (status == 200 && reply.ParseFromString(std::string(body)) &&
        reply.acknowledged_sequence() == agent.sequence) {
      figures_.acknowledged += 1;
      figures_.push_ms.push_back(Milliseconds(agent.began));
      agent.sequence += 1;
    } else {
      figures_.refused[status] += 1;
    }
    agent.state = State::kIdle;
    agent.request = {};
    agent.reply = {};
  }
  // Always false: nothing more can be done now, or ever.
  bool Blocked(Agent& agent, int result) {
    const int error = SSL_get_error(agent.ssl.get(), result);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) CutOff(agent);
    return false;
  }

  struct ContextDeleter {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  const uint16_t port_;
  const shared::model::Layout layout_ = MakeLayout();
  std::unique_ptr<SSL_CTX, ContextDeleter> context_;
  shared::UniqueFd epoll_;
  shared::wire::BlockEncoder encoder_;
  shared::wire::Compressor compressor_;
  std::vector<Agent> agents_;
  using Due = std::pair<Clock::time_point, size_t>;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  Figures figures_;
};

}  // namespace

int main(int argc, char** argv) {
  const auto number = [&](int i) { return shared::text::ParseNumber<size_t>(argv[i]).value_or(0); };
  if (argc != 7 || number(1) == 0 || number(3) == 0 || number(4) == 0 || number(6) == 0) {
    fmt::print(
        stderr,
        "usage: many_agents_bench PORT CA_FILE AGENTS INTERVAL_SECONDS RAMP_SECONDS SECONDS\n");
    return 64;
  }
  ::signal(SIGPIPE, SIG_IGN);
  const rlim_t wanted = number(3) + 64;
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = std::max(files.rlim_cur, wanted);
  files.rlim_max = std::max(files.rlim_max, wanted);
  if (::setrlimit(RLIMIT_NOFILE, &files) != 0) {
    fmt::print(stderr, "needs {} open files\n", wanted);
    return 77;
  }
  Fleet fleet(static_cast<uint16_t>(number(1)), argv[2], number(3));
  Figures seen = fleet.Run(std::chrono::seconds(number(4)), std::chrono::seconds(number(5)),
                           std::chrono::seconds(number(6)));
  std::string refused;
  for (const auto& [status, count] : seen.refused) {
    refused += fmt::format("{}\"{}\":{}", refused.empty() ? "" : ",", status, count);
  }
  fmt::print(
      "{{\"connected\":{},\"handshakes\":{},\"handshake_p50_ms\":{:.1f},\"handshake_p99_ms\":{:.1f}"
      ","
      "\"pushes\":{},\"acknowledged\":{},\"push_p50_ms\":{:.1f},\"push_p99_ms\":{:.1f},\"late\":{},"
      "\"cut_off\":{},\"ramp_cut_off\":{},\"refused\":{{{}}}}}\n",
      fleet.connected(), seen.connects, Quantile(seen.handshake_ms, 0.5),
      Quantile(seen.handshake_ms, 0.99), seen.pushes, seen.acknowledged,
      Quantile(seen.push_ms, 0.5), Quantile(seen.push_ms, 0.99), seen.late, seen.cut_off,
      seen.ramp_cut_off, refused);
  return 0;
}
