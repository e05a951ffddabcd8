#include "agent/ship/delivery.h"

#include <algorithm>
#include <set>
#include <utility>

namespace agent::ship {

using pgvigil::v1::Capability;
using shared::MonotonicTime;
using shared::http::Request;
using shared::http::Response;
using std::chrono::milliseconds;

// One outbox and what is known of its next batch.
struct Delivery::Lane {
  Lane(Outbox& its_outbox, const DeliveryOptions& options, uint64_t seed)
      : outbox(its_outbox), backoff(options.retry, seed) {}

  Outbox& outbox;
  shared::Backoff backoff;
  bool in_flight = false;
  MonotonicTime not_before{};
  milliseconds pause{0};  // between batches: after an outage, until the ramp is through
  // Of the oldest batch: the layouts that the collector asked for, as frames.
  std::pair<uint64_t, uint64_t> layouts_of;
  std::string layout_frames;
  std::set<std::string> layouts_sent;
};

namespace {

std::string Url(const std::string& collector_url) {
  std::string_view base = collector_url;
  while (base.ends_with('/')) base.remove_suffix(1);
  return fmt::format("{}/v1/batches", base);
}

}  // namespace

Delivery::Delivery(DeliveryOptions options, std::vector<Outbox*> outboxes, Transport& transport,
                   FindLayout find_layout, const shared::Clock& clock, pipeline::Drops& drops,
                   pipeline::Capabilities& capabilities)
    : options_(std::move(options)),
      transport_(transport),
      find_layout_(std::move(find_layout)),
      clock_(clock),
      drops_(drops),
      capabilities_(capabilities),
      hold_jitter_({options_.hold, options_.hold}, options_.seed) {
  uint64_t seed = options_.seed;
  for (Outbox* outbox : outboxes) {
    lanes_.push_back(std::make_unique<Lane>(*outbox, options_, ++seed));
  }
}

Delivery::~Delivery() = default;

std::optional<MonotonicTime> Delivery::Step() {
  const MonotonicTime now = clock_.Monotonic();
  std::optional<MonotonicTime> next;
  for (const std::unique_ptr<Lane>& lane : lanes_) {
    if (lane->in_flight) continue;
    const MonotonicTime ready = std::max(lane->not_before, held_until_);
    if (ready > now) {
      next = next ? std::min(*next, ready) : ready;
      continue;
    }
    if (std::optional<OutgoingBatch> batch = lane->outbox.Next()) Send(*lane, std::move(*batch));
  }
  return next;
}

bool Delivery::AtRest() {
  return std::all_of(lanes_.begin(), lanes_.end(), [&](const auto& lane) {
    return !lane->in_flight && (lane->backoff.failures() > 0 || held_until_ > clock_.Monotonic() ||
                                !lane->outbox.Next());
  });
}

void Delivery::Send(Lane& lane, OutgoingBatch batch) {
  Request request;
  request.method = "POST";
  request.url = Url(options_.collector_url);
  request.headers = {{"Content-Type", "application/x-protobuf"}, {"Content-Encoding", "zstd"}};
  request.bearer_token = options_.api_key;
  const std::pair name(batch.incarnation, batch.sequence);
  if (lane.layouts_of != name) {
    lane.layouts_of = name;
    lane.layout_frames.clear();
    lane.layouts_sent.clear();
  }
  request.body =
      lane.layout_frames.empty() ? std::move(batch.body) : lane.layout_frames + batch.body;
  batch.body.clear();
  lane.in_flight = true;
  transport_.Start(std::move(request), [this, &lane, batch = std::move(batch)](
                                           const shared::Result<Response>& response) {
    lane.in_flight = false;
    Finish(lane, batch, response);
  });
}

void Delivery::Finish(Lane& lane, const OutgoingBatch& batch,
                      const shared::Result<Response>& response) {
  const Verdict verdict = Judge(response, lane.outbox.stream(), batch);
  CountRefusals(lane, verdict);
  switch (verdict.kind) {
    case Verdict::Kind::kAcknowledged:
      return Acknowledge(lane, batch, verdict);
    case Verdict::Kind::kMissingLayouts:
      return PutLayoutsInFront(lane, batch, verdict);
    case Verdict::Kind::kSetAside:
      return SetAside(lane, batch, verdict.reason, verdict.message);
    case Verdict::Kind::kHold:
      return Hold(verdict);
    case Verdict::Kind::kLater:
      return Later(lane, verdict);
  }
}

void Delivery::Acknowledge(Lane& lane, const OutgoingBatch& batch, const Verdict& verdict) {
  lane.outbox.Acknowledge(batch.incarnation, verdict.acknowledged_sequence);
  if (away_) shared::log::Info("the collector {} takes batches again", options_.collector_url);
  away_ = false;
  capabilities_.Set("collector", Capability::STATE_OK);
  // A fleet that comes back all at once would send the collector away again.
  if (lane.backoff.failures() > 0) lane.pause = options_.ramp;
  lane.backoff.Reset();
  lane.not_before = clock_.Monotonic() + lane.pause;
  lane.pause = lane.pause > milliseconds(10) ? lane.pause / 2 : milliseconds(0);
}

void Delivery::PutLayoutsInFront(Lane& lane, const OutgoingBatch& batch, const Verdict& verdict) {
  for (const std::string& hash : verdict.missing_layouts) {
    if (!lane.layouts_sent.insert(hash).second) {
      return SetAside(lane, batch, "layout_refused",
                      "the collector asks again for a layout it was sent");
    }
    const std::optional<std::string> frame = find_layout_(hash);
    if (!frame)
      return SetAside(lane, batch, "layout_lost", "the collector asks for a layout that is gone");
    lane.layout_frames += *frame;
  }
}

void Delivery::SetAside(Lane& lane, const OutgoingBatch& batch, std::string_view reason,
                        std::string_view message) {
  if (uint64_t suppressed = 0; set_aside_log_.Allow(&suppressed)) {
    shared::log::Error(
        "batch {} of stream {} is set aside ({}): {}; {} more since the last such line",
        batch.sequence, pgvigil::v1::Stream_Name(lane.outbox.stream()), reason, message,
        suppressed);
  }
  lane.outbox.SetAside(batch.incarnation, batch.sequence, reason);
}

// Nothing is lost meanwhile, but nobody will help unless told.
void Delivery::Hold(const Verdict& verdict) {
  away_ = true;
  held_until_ = clock_.Monotonic() + hold_jitter_.Next();
  capabilities_.Set("collector", Capability::STATE_FAILED, verdict.message, verdict.remedy);
  if (away_log_.Allow()) {
    shared::log::Error("the collector {} refuses everything: {}; {}", options_.collector_url,
                       verdict.message, verdict.remedy);
  }
}

void Delivery::Later(Lane& lane, const Verdict& verdict) {
  away_ = true;
  lane.not_before = clock_.Monotonic() + lane.backoff.Next() + verdict.retry_after;
  constexpr std::string_view kRemedy =
      "nothing, if the collector comes back; else check collector.url and its log";
  capabilities_.Set("collector", Capability::STATE_FAILED, verdict.message,
                    verdict.remedy.empty() ? kRemedy : verdict.remedy);
  if (away_log_.Allow()) {
    shared::log::Warn("the collector {} takes nothing at present: {}", options_.collector_url,
                      verdict.message);
  }
}

void Delivery::CountRefusals(const Lane& lane, const Verdict& verdict) {
  for (const pgvigil::v1::Refusal& refusal : verdict.refusals) {
    drops_.Add(lane.outbox.stream(), "refused:" + refusal.reason(), refusal.items());
    if (uint64_t suppressed = 0; refused_log_.Allow(&suppressed)) {
      shared::log::Warn("the collector left out {} items ({}), for example {}; {} more such lines",
                        refusal.items(), refusal.reason(), refusal.example(), suppressed);
    }
  }
}

}  // namespace agent::ship
