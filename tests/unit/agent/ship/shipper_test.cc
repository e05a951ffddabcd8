#include "agent/ship/shipper.h"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"
#include "tests/unit/agent/ship/fakes.h"

namespace agent::ship {
namespace {

using pgvigil::v1::STREAM_METRICS;

struct Parts {
  tests::FakeClock clock;
  pipeline::Drops drops;
  pipeline::Capabilities capabilities;
  FakeTransport transport;
  FakeOutbox metrics{STREAM_METRICS, 5};
  Delivery delivery{DeliveryOptions{.collector_url = "https://c"},
                    {&metrics},
                    transport,
                    [](std::string_view) { return std::nullopt; },
                    clock,
                    drops,
                    capabilities};
};

TEST(Shipper, DrainsWhatIsThereBeforeItStops) {
  Parts parts;
  parts.transport.on_poll = [&](std::chrono::milliseconds) {
    if (parts.transport.started.empty()) return;
    parts.transport.Answer(Reply(Acknowledging(STREAM_METRICS, parts.metrics.settled() + 1)));
  };
  Shipper shipper(parts.delivery, {&parts.metrics}, parts.transport, parts.clock);
  shipper.Drain(parts.clock.Monotonic() + std::chrono::seconds(5));
  EXPECT_EQ(parts.metrics.settled(), 5u);
}

TEST(Shipper, DoesNotDrainAgainstACollectorThatIsAway) {
  Parts parts;
  parts.transport.on_poll = [&](std::chrono::milliseconds) {
    if (!parts.transport.started.empty()) parts.transport.Answer(ErrorReply(503));
  };
  Shipper shipper(parts.delivery, {&parts.metrics}, parts.transport, parts.clock);
  shipper.Drain(parts.clock.Monotonic() +
                std::chrono::seconds(5));  // returns though time stands still
  EXPECT_EQ(parts.metrics.settled(), 0u);
}

TEST(Shipper, StopsDrainingAtTheDeadline) {
  Parts parts;
  parts.transport.on_poll = [&](std::chrono::milliseconds timeout) {
    parts.clock.Advance(timeout);
  };
  Shipper shipper(parts.delivery, {&parts.metrics}, parts.transport, parts.clock);
  shipper.Drain(parts.clock.Monotonic() + std::chrono::seconds(5));
  EXPECT_EQ(parts.metrics.settled(), 0u);
  EXPECT_EQ(parts.transport.started.size(), 1u);
}

}  // namespace
}  // namespace agent::ship
