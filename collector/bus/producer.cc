#include "collector/bus/producer.h"

#include <array>
#include <string_view>

#include "collector/bus/topics.h"
#include "shared/base/check.h"
#include "shared/concurrency/thread_name.h"

namespace collector::bus {
namespace {

using shared::Error;
using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kPollMs = 50;
constexpr milliseconds kBetweenRenewals{1'000};
constexpr milliseconds kBetweenProbes{2'000};
constexpr int kProbeMs = 500;
constexpr milliseconds kLastWords{5'000};
// What a record takes beside its bytes: ours, librdkafka's and the allocator's.
constexpr size_t kRecordOverheadBytes = 512;

size_t ContentBytes(const Record& record) {
  size_t bytes = record.key.size() + record.value.size();
  for (const auto& [name, value] : record.headers) bytes += name.size() + value.size();
  return bytes;
}

// Fatally: it will never send again.
bool HasFailed(rd_kafka_t* handle) {
  return rd_kafka_fatal_error(handle, nullptr, 0) != RD_KAFKA_RESP_ERR_NO_ERROR;
}

Headers NativeHeaders(const Record& record) {
  Headers headers(rd_kafka_headers_new(record.headers.size()));
  for (const auto& [name, value] : record.headers) {
    rd_kafka_header_add(headers.get(), name.data(), static_cast<ssize_t>(name.size()), value.data(),
                        static_cast<ssize_t>(value.size()));
  }
  return headers;
}

}  // namespace

// The records of one TrySend. Under mutex_.
struct Producer::Group {
  std::vector<Result<void>> results;
  size_t pending = 0;
  Done done;  // empty: answered
  Time deadline;
  uint64_t first_id = 0;  // of its flights, which are numbered in a row
};

// A record that was taken and is neither acknowledged nor refused.
struct Producer::Flight {
  uint64_t id = 0;
  Record record;  // librdkafka reads it in place
  size_t cost_bytes = 0;
  Time sent_at;
  std::shared_ptr<Group> group;  // shared by the flights of one TrySend
};

// A Done to be called once the mutex is free.
struct Producer::Answer {
  Done done;
  std::vector<Result<void>> results;
};

Producer::Producer(const config::Kafka& kafka, shared::metrics::Registry& registry)
    : kafka_(kafka),
      registry_(registry),
      queue_bytes_(registry.AddGauge("collector_kafka_queue_bytes",
                                     "Records that Kafka has not acknowledged")),
      seconds_(registry.AddLatencyHistogram("collector_kafka_send_seconds",
                                            "From taking a record to its acknowledgement")),
      recreated_(registry.AddCounter("collector_kafka_producers_recreated_total",
                                     "Producers replaced after a fatal error")) {}

Result<std::unique_ptr<Producer>> Producer::Open(const config::Kafka& kafka,
                                                 shared::metrics::Registry& registry) {
  std::unique_ptr<Producer> producer(new Producer(kafka, registry));  // the constructor is private
  ASSIGN_OR_RETURN(producer->state_.handle, producer->OpenHandle());
  producer->native_ = producer->state_.handle.get();
  producer->thread_ = std::jthread([self = producer.get()] { self->Run(); });
  return producer;
}

Producer::~Producer() {
  Close(milliseconds(0));
}

Result<Handle> Producer::OpenHandle() {
  ASSIGN_OR_RETURN(ClientSettings settings, ClientSettings::From(kafka_, "producer"));
  const std::pair<const char*, std::string> kSettings[] = {
      {"enable.idempotence", "true"},
      {"acks", "all"},
      {"message.timeout.ms", "0"},  // never: see the head of the class
      // A broker that hangs is left for another after ten seconds, not sixty.
      {"request.timeout.ms", "8000"},
      {"socket.timeout.ms", "10000"},
      {"linger.ms", "5"},
      // Records that share a request must fit a topic with a small limit together.
      {"batch.size", "524288"},
      {"message.max.bytes", std::to_string(TopicLimitBytes(kafka_))},
      // TrySend bounds the queue; these only must not be in its way.
      {"queue.buffering.max.messages", "10000000"},
      {"queue.buffering.max.kbytes", "2147483647"},
      {"partitioner", "murmur2_random"}};
  for (const auto& [name, value] : kSettings) RETURN_IF_ERROR(settings.Set(name, value));
  rd_kafka_conf_set_opaque(settings.native(), this);
  rd_kafka_conf_set_dr_msg_cb(settings.native(), OnDelivery);
  rd_kafka_conf_set_error_cb(settings.native(), OnError);
  return std::move(settings).Open(RD_KAFKA_PRODUCER);
}

bool Producer::TrySend(std::vector<Record>& records, Done done) {
  CHECK(!records.empty());
  size_t cost = 0;
  for (const Record& record : records) {
    CHECK(!record.key.empty());
    cost += ContentBytes(record) + kRecordOverheadBytes;
  }
  std::vector<Answer> answers;
  {
    const std::lock_guard lock(mutex_);
    // One that is larger than the whole queue may go alone.
    const bool fits = state_.flights.empty() || state_.bytes + cost <= kafka_.queue_size_bytes;
    if (state_.closed || !fits) {
      CountError(state_.closed ? "closed" : "queue_full");
      return false;
    }
    const Time now = steady_clock::now();
    auto group = std::make_shared<Group>();
    group->results.resize(records.size());
    group->pending = records.size();
    group->done = std::move(done);
    group->deadline = now + kafka_.delivery_timeout;
    group->first_id = state_.last_id + 1;
    state_.groups.push_back(group);
    for (Record& record : records) {
      auto flight = std::make_unique<Flight>();
      flight->cost_bytes = ContentBytes(record) + kRecordOverheadBytes;
      flight->record = std::move(record);
      flight->sent_at = now;
      flight->group = group;
      state_.bytes += flight->cost_bytes;
      flight->id = ++state_.last_id;
      const Flight& taken = *state_.flights.emplace(flight->id, std::move(flight)).first->second;
      if (std::optional<Error> error = Produce(taken)) {
        Finish(taken.id, tl::make_unexpected(std::move(*error)), answers);
      }
    }
    queue_bytes_.Set(static_cast<double>(state_.bytes));
  }
  Call(answers);
  return true;
}

// Hands a flight to librdkafka, which only queues it. An error: refused for good.
std::optional<Error> Producer::Produce(const Flight& flight) {
  const Record& record = flight.record;
  const size_t content_bytes = ContentBytes(record);
  if (content_bytes > kafka_.message_limit_bytes) {
    return Error{ErrorCode::kInvalidInput,
                 fmt::format("a record of {} bytes is larger than kafka.message_limit ({})",
                             content_bytes, kafka_.message_limit_bytes)};
  }
  if (!state_.handle) return std::nullopt;  // Renew sends it
  Headers headers = NativeHeaders(record);
  std::array<rd_kafka_vu_t, 5> parts{};
  parts[0].vtype = RD_KAFKA_VTYPE_TOPIC;
  parts[0].u.cstr = record.topic.c_str();
  parts[1].vtype = RD_KAFKA_VTYPE_KEY;
  parts[1].u.mem = {const_cast<char*>(record.key.data()), record.key.size()};
  parts[2].vtype = RD_KAFKA_VTYPE_VALUE;
  parts[2].u.mem = {const_cast<char*>(record.value.data()), record.value.size()};
  parts[3].vtype = RD_KAFKA_VTYPE_HEADERS;
  parts[3].u.headers = headers.get();
  parts[4].vtype = RD_KAFKA_VTYPE_OPAQUE;
  parts[4].u.ptr = reinterpret_cast<void*>(flight.id);
  const NativeError error(rd_kafka_produceva(state_.handle.get(), parts.data(), parts.size()));
  if (!error) {
    static_cast<void>(headers.release());  // the message's now
    return std::nullopt;
  }
  if (HasFailed(state_.handle.get())) return std::nullopt;  // Renew sends it
  return ErrorOf(rd_kafka_error_code(error.get()), "topic " + record.topic);
}

void Producer::Finish(uint64_t id, Result<void> result, std::vector<Answer>& answers) {
  const auto found = state_.flights.find(id);
  if (found == state_.flights.end()) return;
  const Flight& flight = *found->second;
  Group& group = *flight.group;
  if (result) {
    CountSent(flight);
  } else {
    CountError(shared::CodeName(result.error().code));
  }
  group.results[id - group.first_id] = std::move(result);
  group.pending -= 1;
  if (group.pending == 0 && group.done) {
    answers.push_back({std::exchange(group.done, nullptr), std::move(group.results)});
  }
  state_.bytes -= flight.cost_bytes;
  queue_bytes_.Set(static_cast<double>(state_.bytes));
  state_.flights.erase(found);
}

void Producer::CountSent(const Flight& flight) {
  const std::string& topic = flight.record.topic;
  auto counters = state_.by_topic.find(topic);
  if (counters == state_.by_topic.end()) {
    const shared::metrics::LabelMap labels{{"topic", topic}};
    counters =
        state_.by_topic
            .emplace(topic,
                     TopicCounters{registry_.AddCounter("collector_kafka_records_sent_total",
                                                        "Records that Kafka acknowledged", labels),
                                   registry_.AddCounter("collector_kafka_bytes_sent_total",
                                                        "Bytes of their values", labels)})
            .first;
  }
  counters->second.records.Increment();
  counters->second.bytes.Increment(static_cast<double>(flight.record.value.size()));
  seconds_.Observe(std::chrono::duration<double>(steady_clock::now() - flight.sent_at).count());
}

void Producer::CountError(std::string_view reason) {
  registry_
      .AddCounter("collector_kafka_send_errors_total", "Records that were not sent, or not in time",
                  {{"reason", std::string(reason)}})
      .Increment();
}

void Producer::Call(std::vector<Answer>& answers) {
  for (Answer& answer : answers) answer.done(answer.results);
  answers.clear();
}

// By the producer's thread, in rd_kafka_poll.
void Producer::OnDelivery(rd_kafka_t* handle, const rd_kafka_message_t* message, void* self) {
  auto& producer = *static_cast<Producer*>(self);
  const bool delivered = message->err == RD_KAFKA_RESP_ERR_NO_ERROR;
  // What a dying producer gives up is what the next one sends.
  if (!delivered && (producer.renewing_ || HasFailed(handle))) return;
  Result<void> result;
  if (!delivered) {
    result = tl::make_unexpected(
        ErrorOf(message->err, std::string("topic ") + rd_kafka_topic_name(message->rkt)));
  }
  if (delivered) {
    const std::lock_guard lock(producer.trouble_mutex_);
    producer.trouble_.reset();
  }
  std::vector<Answer> answers;
  {
    const std::lock_guard lock(producer.mutex_);
    producer.Finish(reinterpret_cast<uint64_t>(message->_private), std::move(result), answers);
  }
  Call(answers);
}

// Likewise. One broker of several that is away is not trouble yet.
void Producer::OnError(rd_kafka_t* /*handle*/, int error, const char* text, void* self) {
  auto& producer = *static_cast<Producer*>(self);
  const std::string reason = ExplainFailure(producer.kafka_, text, rd_kafka_version());
  uint64_t suppressed = 0;
  if (producer.error_lines_.Allow(&suppressed)) {
    shared::log::Warn("Kafka: {}{}", reason,
                      suppressed == 0 ? "" : fmt::format(" ({} more held back)", suppressed));
  }
  const std::lock_guard lock(producer.trouble_mutex_);
  if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
    producer.trouble_ = producer.last_reason_.empty() ? reason : producer.last_reason_;
  } else {
    producer.last_reason_ = reason;
    if (producer.trouble_) producer.trouble_ = reason;
  }
}

Result<void> Producer::Ready() const {
  const std::lock_guard lock(trouble_mutex_);
  if (!trouble_) return {};
  return Fail(ErrorCode::kUnavailable, "Kafka: {}", *trouble_);
}

void Producer::Run() {
  shared::SetThreadName("kafka-producer");
  while (Round()) {
  }
  if (native_ != nullptr) {
    // Its messages point into flights, which must outlive them.
    rd_kafka_purge(native_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    renewing_ = true;  // what comes now is answered below
    rd_kafka_flush(native_, static_cast<int>(kLastWords.count()));
    Handle last;
    {
      const std::lock_guard lock(mutex_);
      last = std::move(state_.handle);
    }
  }
  AnswerAll("the producer was closed before Kafka acknowledged");
}

// False: closed, and nothing is left or the deadline is over.
bool Producer::Round() {
  if (native_ != nullptr) {
    rd_kafka_poll(native_, kPollMs);
    std::array<char, 512> reason{};
    if (rd_kafka_fatal_error(native_, reason.data(), reason.size()) != RD_KAFKA_RESP_ERR_NO_ERROR) {
      Renew(reason.data());
    }
  }
  const Time now = steady_clock::now();
  Expire(now);
  Probe();
  const std::lock_guard lock(mutex_);
  return !state_.closed || (!state_.flights.empty() && now < state_.close_at);
}

// Takes the old producer's last acknowledgements, replaces it, and sends again what is left.
void Producer::Renew(std::string_view reason) {
  if (steady_clock::now() - renewed_at_ < kBetweenRenewals) return;  // at the next round
  renewed_at_ = steady_clock::now();
  recreated_.Increment();
  shared::log::Warn("Kafka: the producer failed ({}); a new one sends what is not acknowledged",
                    reason);
  Result<Handle> next = OpenHandle();
  if (!next) {
    shared::log::Error("{}", next.error().message);
    return;
  }
  renewing_ = true;
  rd_kafka_purge(native_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  rd_kafka_flush(native_, static_cast<int>(kLastWords.count()));
  Handle old;
  {
    const std::lock_guard lock(mutex_);
    old = std::move(state_.handle);
  }
  old.reset();  // from here on nothing refers to flights
  renewing_ = false;
  std::vector<Answer> answers;
  {
    const std::lock_guard lock(mutex_);
    state_.handle = std::move(*next);
    native_ = state_.handle.get();
    std::vector<std::pair<uint64_t, Error>> refused;
    for (const auto& [id, flight] : state_.flights) {
      if (std::optional<Error> error = Produce(*flight)) refused.emplace_back(id, *error);
    }
    for (auto& [id, error] : refused) Finish(id, tl::make_unexpected(std::move(error)), answers);
  }
  Call(answers);
}

// An idle producer hears nothing of brokers that are back.
void Producer::Probe() {
  if (native_ == nullptr || Ready() || steady_clock::now() - probed_at_ < kBetweenProbes) return;
  const rd_kafka_metadata_t* answer = nullptr;
  const rd_kafka_resp_err_t error = rd_kafka_metadata(native_, 0, nullptr, &answer, kProbeMs);
  probed_at_ = steady_clock::now();
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return;
  const Metadata metadata(answer);
  const std::lock_guard lock(trouble_mutex_);
  trouble_.reset();
}

// Answers groups that waited for too long. Their records stay: who sends a batch again because of
// the answer makes a second copy, which the store skips.
void Producer::Expire(Time now) {
  std::vector<Answer> answers;
  const Result<void> ready = Ready();
  const Error late{ErrorCode::kUnavailable, fmt::format("Kafka did not acknowledge within {} ms{}",
                                                        kafka_.delivery_timeout.count(),
                                                        ready ? "" : ": " + ready.error().message)};
  {
    const std::lock_guard lock(mutex_);
    while (!state_.groups.empty() &&
           (!state_.groups.front()->done || state_.groups.front()->deadline <= now)) {
      const std::shared_ptr<Group> group = std::move(state_.groups.front());
      state_.groups.pop_front();
      if (!group->done) continue;
      std::vector<Result<void>> results = group->results;
      for (size_t i = 0; i < results.size(); ++i) {
        if (!state_.flights.contains(group->first_id + i)) continue;
        results[i] = tl::make_unexpected(late);
        CountError("late");
      }
      answers.push_back({std::exchange(group->done, nullptr), std::move(results)});
    }
  }
  Call(answers);
}

void Producer::AnswerAll(std::string_view why) {
  std::vector<Answer> answers;
  {
    const std::lock_guard lock(mutex_);
    while (!state_.flights.empty()) {
      Finish(state_.flights.begin()->first, Fail(ErrorCode::kCancelled, "{}", why), answers);
    }
  }
  Call(answers);
}

void Producer::Close(milliseconds deadline) {
  {
    const std::lock_guard lock(mutex_);
    if (!state_.closed) state_.close_at = steady_clock::now() + deadline;
    state_.closed = true;
  }
  if (thread_.joinable()) thread_.join();
}

void Producer::FailFatally() {
  const std::lock_guard lock(mutex_);
  rd_kafka_test_fatal_error(state_.handle.get(), RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
                            "as a test wants");
}

}  // namespace collector::bus
