#include "collector/bus/publisher.h"

#include <algorithm>
#include <random>
#include <span>
#include <string_view>
#include <utility>

#include "collector/bus/batch_headers.h"
#include "collector/bus/producer.h"
#include "collector/bus/topics.h"
#include "shared/concurrency/backoff.h"
#include "shared/concurrency/thread_name.h"
#include "shared/log/log.h"
#include "shared/text/hex.h"
#include "shared/wire/zstd.h"

namespace collector::bus {
namespace {

using ingest::AcceptedBatch;
using pgvigil::v1::BatchReply;
using shared::Error;
using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using std::chrono::milliseconds;

constexpr milliseconds kTopicsTimeout{3'000};  // Close may have to wait for it
constexpr milliseconds kBetweenLooks{1'000};
constexpr shared::Backoff::Config kTopicsBackoff{milliseconds(500), milliseconds(5'000)};
// Others read the feeds with their own defaults, a megabyte a record in most.
constexpr uint64_t kFeedRecordBytes = 900'000;

BatchReply ReplyTo(const AcceptedBatch& accepted) {
  BatchReply reply;
  reply.set_stream(accepted.batch.stream());
  reply.set_incarnation(accepted.batch.incarnation());
  for (const pgvigil::v1::Refusal& refusal : accepted.refusals) *reply.add_refusals() = refusal;
  return reply;
}

// The body of a batch that did not come as one.
std::string Pack(const pgvigil::v1::Batch& batch) {
  std::string body;
  shared::wire::Compressor().Append(batch.SerializeAsString(), body);
  return body;
}

}  // namespace

struct Publisher::Outlet {
  std::unique_ptr<Feed> feed;
  std::atomic<bool> has_topic = false;
  shared::metrics::Counter items;
};

struct Publisher::Departure {
  access::TenantId tenant;
  std::string agent_id;
  BatchReply reply;
  std::vector<LayoutMemory::Layout> layouts;  // that the batch brought
  struct FeedItems {
    Outlet* outlet;
    uint64_t items;
  };
  std::vector<FeedItems> feed_records;  // one for each record before the batch's
  Reply done;
};

// Those that one batch names.
class Publisher::KnownLayouts final : public LayoutSource {
 public:
  void Add(LayoutMemory::Layout layout) {
    const std::string& hash = layout->hash();
    by_hash_.emplace(hash, std::move(layout));
  }
  [[nodiscard]] bool Has(const std::string& hash) const { return by_hash_.contains(hash); }
  [[nodiscard]] const pgvigil::v1::Layout* Find(const std::string& hash) const override {
    const auto found = by_hash_.find(hash);
    return found == by_hash_.end() ? nullptr : found->second.get();
  }

 private:
  std::map<std::string, LayoutMemory::Layout> by_hash_;
};

Publisher::Publisher(const config::Kafka& kafka, std::vector<std::unique_ptr<Feed>> feeds,
                     const shared::Clock& clock, shared::metrics::Registry& registry)
    : kafka_(kafka),
      registry_(registry),
      layouts_(
          {.keep_content = std::any_of(feeds.begin(), feeds.end(),
                                       [](const auto& feed) { return feed->needs_layouts(); })},
          clock),
      topic_error_(Error{ErrorCode::kUnavailable, "Kafka has not answered yet"}) {
  for (std::unique_ptr<Feed>& feed : feeds) {
    const shared::metrics::Counter items = registry.AddCounter(
        "collector_kafka_feed_items_total", "Data points, log records and statements published",
        {{"feed", std::string(feed->name())}});
    outlets_.push_back(std::unique_ptr<Outlet>(new Outlet{std::move(feed), false, items}));
  }
}

Result<std::unique_ptr<Publisher>> Publisher::Open(const config::Kafka& kafka,
                                                   std::vector<std::unique_ptr<Feed>> feeds,
                                                   const shared::Clock& clock,
                                                   shared::metrics::Registry& registry) {
  std::unique_ptr<Publisher> publisher(
      new Publisher(kafka, std::move(feeds), clock, registry));  // the constructor is private
  ASSIGN_OR_RETURN(publisher->producer_, Producer::Open(kafka, registry));
  publisher->topics_thread_ = std::jthread(
      [self = publisher.get()](const std::stop_token& stop) { self->RunTopics(stop); });
  return publisher;
}

Publisher::~Publisher() {
  Close(milliseconds(0));
}

void Publisher::Close(milliseconds deadline) {
  topics_thread_.request_stop();
  if (producer_) producer_->Close(deadline);
  if (topics_thread_.joinable()) topics_thread_.join();
}

void Publisher::CountBatch(const char* result) {
  registry_
      .AddCounter("collector_kafka_batches_total", "Batches that were to be published",
                  {{"result", result}})
      .Increment();
}

std::optional<Error> Publisher::TopicError() const {
  const std::lock_guard lock(topics_mutex_);
  return topic_error_;
}

Result<void> Publisher::Ready() const {
  if (std::optional<Error> error = TopicError()) return tl::make_unexpected(std::move(*error));
  return producer_->Ready();
}

// Gathers the layouts that the batch names: those that it brings, which it leaves in `departure`,
// and those that are remembered. The hashes of the others.
std::set<std::string> Publisher::GatherLayouts(const AcceptedBatch& accepted, KnownLayouts& known,
                                               Departure& departure) {
  for (const pgvigil::v1::Layout& layout : accepted.batch.layouts()) {
    departure.layouts.push_back(std::make_shared<const pgvigil::v1::Layout>(layout));
    known.Add(departure.layouts.back());
  }
  std::set<std::string> missing;
  for (const pgvigil::v1::MetricBlock& block : accepted.batch.blocks()) {
    const std::string& hash = block.layout_hash();
    if (known.Has(hash) || missing.contains(hash)) continue;
    LayoutMemory::Layout layout = layouts_.Find(accepted.tenant, accepted.batch.agent_id(), hash);
    if (layout) {
      known.Add(std::move(layout));
    } else {
      missing.insert(hash);
    }
  }
  return missing;
}

// What the feeds make of the batch; what they cannot turn is counted.
std::vector<Record> Publisher::FeedRecords(const AcceptedBatch& accepted, const KnownLayouts& known,
                                           Departure& departure) {
  std::vector<Record> out;
  for (const std::unique_ptr<Outlet>& outlet : outlets_) {
    if (!outlet->has_topic) {
      CountFeedError(*outlet, "no_topic", 1);
      continue;
    }
    std::vector<FeedRecord> records;
    const uint64_t failed = outlet->feed->Encode(
        accepted, known, std::min(kFeedRecordBytes, kafka_.message_limit_bytes), records);
    if (failed > 0) CountFeedError(*outlet, "not_encodable", failed);
    for (FeedRecord& record : records) {
      departure.feed_records.push_back({outlet.get(), record.items});
      out.push_back({std::string(outlet->feed->topic()),
                     std::move(record.key),
                     std::move(record.value),
                     {{"content-type", std::string(outlet->feed->content_type())},
                      {"tenant", std::to_string(accepted.tenant.value)}}});
    }
  }
  return out;
}

bool Publisher::Submit(AcceptedBatch& accepted, Reply done) {
  if (const std::optional<Error> error = TopicError()) {
    CountBatch("unavailable");
    done(Fail(ErrorCode::kUnavailable, "{}", error->message));
    return true;
  }
  const auto departure = std::make_shared<Departure>();  // of a copyable callback
  departure->reply = ReplyTo(accepted);
  KnownLayouts known;
  const std::set<std::string> missing = GatherLayouts(accepted, known, *departure);
  if (!missing.empty()) {
    CountBatch("missing_layout");
    for (const std::string& hash : missing) departure->reply.add_missing_layouts(hash);
    done(std::move(departure->reply));
    return true;
  }
  departure->tenant = accepted.tenant;
  departure->agent_id = accepted.batch.agent_id();
  departure->reply.set_acknowledged_sequence(accepted.batch.sequence());
  departure->done = std::move(done);
  std::vector<Record> records = FeedRecords(accepted, known, *departure);
  if (accepted.body.empty()) accepted.body = Pack(accepted.batch);
  records.push_back({kafka_.topic, shared::text::ToUuid(accepted.batch.agent_id()),
                     std::move(accepted.body), BatchHeaders(accepted)});
  const bool taken = producer_->TrySend(
      records,
      [this, departure](std::span<const Result<void>> results) { Arrived(*departure, results); });
  if (!taken) {
    CountBatch("unavailable");
    accepted.body = std::move(records.back().value);
  }
  return taken;
}

void Publisher::Arrived(Departure& departure, std::span<const Result<void>> results) {
  std::optional<Error> late;
  for (size_t i = 0; i < departure.feed_records.size(); ++i) {
    const auto& [outlet, items] = departure.feed_records[i];
    if (results[i]) {
      outlet->items.Increment(static_cast<double>(items));
      continue;
    }
    const Error& error = results[i].error();
    CountFeedError(*outlet, shared::CodeName(error.code), items);
    if (error.code == ErrorCode::kNotFound) LookAgain(*outlet);
    if (error.code == ErrorCode::kUnavailable || error.code == ErrorCode::kCancelled) late = error;
  }
  const Result<void>& result = results.back();
  if (result) {
    for (LayoutMemory::Layout& layout : departure.layouts) {
      layouts_.Remember(departure.tenant, departure.agent_id, std::move(layout));
    }
  }
  if (result && !late) {
    CountBatch("published");
    return departure.done(std::move(departure.reply));
  }
  const Error error = result ? *late : result.error();
  if (error.code == ErrorCode::kInvalidInput) {
    CountBatch("refused");
    return departure.done(tl::make_unexpected(error));
  }
  CountBatch("unavailable");
  if (error.code != ErrorCode::kNotFound) {
    return departure.done(Fail(ErrorCode::kUnavailable, "{}", error.message));
  }
  const Error missing{
      ErrorCode::kUnavailable,
      fmt::format("{}; to make it: {}", error.message, CreateTopicCommand(kafka_, kafka_.topic))};
  {
    const std::lock_guard lock(topics_mutex_);
    topic_error_ = missing;
    look_now_ = true;
  }
  topics_changed_.notify_all();
  departure.done(tl::make_unexpected(missing));
}

void Publisher::CountFeedError(const Outlet& outlet, std::string_view reason, uint64_t items) {
  registry_
      .AddCounter("collector_kafka_feed_errors_total",
                  "Items that did not reach a feed's topic (no_topic: batches)",
                  {{"feed", std::string(outlet.feed->name())}, {"reason", std::string(reason)}})
      .Increment(static_cast<double>(items));
}

void Publisher::LookAgain(Outlet& outlet) {
  outlet.has_topic = false;
  {
    const std::lock_guard lock(topics_mutex_);
    look_now_ = true;
  }
  topics_changed_.notify_all();
}

void Publisher::RunTopics(const std::stop_token& stop) {
  shared::SetThreadName("kafka-topics");
  shared::Backoff backoff(kTopicsBackoff, std::random_device()());
  while (!stop.stop_requested()) {
    {
      const std::lock_guard lock(topics_mutex_);
      look_now_ = false;
    }
    const bool all = LookForTopics();
    if (all) backoff.Reset();
    std::unique_lock lock(topics_mutex_);
    // A producer goes on for a while to miss a topic that is back.
    topics_changed_.wait_for(lock, stop, all ? kBetweenLooks : backoff.Next(),
                             [] { return false; });
    if (all) topics_changed_.wait(lock, stop, [this] { return look_now_; });
  }
}

// True: all are there.
bool Publisher::LookForTopics() {
  std::vector<std::string> all{kafka_.topic};
  for (const std::unique_ptr<Outlet>& outlet : outlets_) all.emplace_back(outlet->feed->topic());
  if (LookFor(all)) return true;
  // One of them is the trouble; the others shall not suffer.
  const bool ours = LookFor(std::span(all).first(1));
  for (size_t i = 0; ours && i < outlets_.size(); ++i) {
    LookFor(std::span(all).subspan(i + 1, 1));
  }
  return false;
}

bool Publisher::LookFor(std::span<const std::string> topics) {
  const Result<std::map<std::string, TopicState>> found =
      EnsureTopics(kafka_, topics, kTopicsTimeout);
  if (!found && topics.size() > 1) return false;
  const std::string& first = topics.front();
  if (!found) {
    const Error& error = found.error();
    if (trouble_.insert_or_assign(first, error.message).second) {
      shared::log::Error("Kafka: {}", error.message);
    }
    const std::lock_guard lock(topics_mutex_);
    if (first == kafka_.topic) topic_error_ = error;
    return false;
  }
  for (const auto& [topic, state] : *found) Found(topic, state);
  return true;
}

void Publisher::Found(const std::string& topic, const TopicState& state) {
  if (state.created) shared::log::Info("Kafka: made topic {}", topic);
  trouble_.erase(topic);
  for (const std::unique_ptr<Outlet>& outlet : outlets_) {
    if (outlet->feed->topic() == topic) outlet->has_topic = true;
  }
  if (topic != kafka_.topic) return;
  {
    const std::lock_guard lock(topics_mutex_);
    topic_error_.reset();
  }
  if (std::exchange(partitions_, state.partitions) == state.partitions) return;
  shared::log::Info("Kafka: batches go to topic {}, partitions: {}", topic, state.partitions);
  if (state.max_message_bytes != 0 && state.max_message_bytes < kafka_.message_limit_bytes) {
    shared::log::Warn(
        "Kafka: topic {} takes records of {} bytes at most, kafka.message_limit is {}; larger "
        "batches will be refused; to raise it: {}",
        topic, state.max_message_bytes, kafka_.message_limit_bytes,
        RaiseLimitCommand(kafka_, topic));
  }
}

}  // namespace collector::bus
