#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/ship/outbox.h"
#include "agent/ship/transport.h"

namespace agent::ship {

// Batches in memory: "<stream>-1", "<stream>-2" …
class FakeOutbox final : public Outbox {
 public:
  explicit FakeOutbox(pgvigil::v1::Stream stream, uint64_t last = 0)
      : stream_(stream), last_(last) {}

  void Add(uint64_t count) {
    last_ += count;
    ready_();
  }
  [[nodiscard]] pgvigil::v1::Stream stream() const override { return stream_; }
  std::optional<OutgoingBatch> Next() override {
    if (settled_ == last_) return std::nullopt;
    return OutgoingBatch{kIncarnation, settled_ + 1, "body" + std::to_string(settled_ + 1)};
  }
  void Acknowledge(uint64_t, uint64_t sequence) override {
    settled_ = std::max(settled_, sequence);
  }
  void SetAside(uint64_t, uint64_t sequence, std::string_view reason) override {
    set_aside.emplace_back(sequence, reason);
    settled_ = sequence;
  }
  void SetReadyCallback(std::function<void()> ready) override { ready_ = std::move(ready); }

  static constexpr uint64_t kIncarnation = 7;
  std::vector<std::pair<uint64_t, std::string>> set_aside;
  [[nodiscard]] uint64_t settled() const { return settled_; }

 private:
  pgvigil::v1::Stream stream_;
  uint64_t last_;
  uint64_t settled_ = 0;
  std::function<void()> ready_ = [] {};
};

// Requests wait here until the test answers them.
class FakeTransport final : public Transport {
 public:
  struct Started {
    shared::http::Request request;
    Done done;
  };
  void Start(shared::http::Request request, Done done) override {
    started.push_back(Started{std::move(request), std::move(done)});
  }
  void Poll(std::chrono::milliseconds timeout) override {
    if (on_poll) on_poll(timeout);
  }
  void Wake() override { wakes += 1; }

  // Answers the oldest request.
  void Answer(shared::Result<shared::http::Response> response) {
    Started oldest = std::move(started.front());
    started.pop_front();
    oldest.done(std::move(response));
  }
  std::deque<Started> started;
  std::function<void(std::chrono::milliseconds)> on_poll;
  std::atomic<int> wakes = 0;
};

inline shared::http::Response Reply(const pgvigil::v1::BatchReply& reply) {
  return shared::http::Response{200, "application/x-protobuf", reply.SerializeAsString()};
}
inline pgvigil::v1::BatchReply Acknowledging(pgvigil::v1::Stream stream, uint64_t sequence) {
  pgvigil::v1::BatchReply reply;
  reply.set_stream(stream);
  reply.set_incarnation(FakeOutbox::kIncarnation);
  reply.set_acknowledged_sequence(sequence);
  return reply;
}
inline shared::http::Response ErrorReply(int status) {
  return shared::http::Response{status, "application/json",
                                R"({"error":{"code":"malformed","message":"no"}})"};
}

}  // namespace agent::ship
