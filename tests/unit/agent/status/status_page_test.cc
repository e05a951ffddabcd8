#include "agent/status/status_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/raw_connection.h"

namespace agent::status {
namespace {

using pgvigil::v1::AgentStatus;
using pgvigil::v1::Capability;
using shared::ErrorCode;
using shared::Result;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

AgentStatus Failing() {
  AgentStatus status;
  status.set_version("9.8.7");
  Capability* collector = status.add_capabilities();
  collector->set_name("collector");
  collector->set_state(Capability::STATE_FAILED);
  collector->set_detail("away");
  return status;
}

class StatusPageTest : public testing::Test {
 protected:
  void SetUp() override {
    Result<std::unique_ptr<StatusPage>> started = StatusPage::Start("127.0.0.1", 0, Failing);
    ASSERT_TRUE(started) << started.error().message;
    page_ = std::move(*started);
  }
  // All that the page sends until it closes.
  std::string Ask(std::string_view request) {
    tests::RawConnection connection(page_->port());
    EXPECT_TRUE(connection.Send(request));
    return connection.ReceiveAll();
  }

  std::unique_ptr<StatusPage> page_;
};

TEST_F(StatusPageTest, AnswersEachPathAndCloses) {
  std::string answer = Ask("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(answer, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\nok\n"));
  answer = Ask("GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(answer, EndsWith("\r\n\r\nnot ready: away\n"));
  answer = Ask("GET /metrics?x=1 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(answer, HasSubstr("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
  EXPECT_THAT(answer,
              HasSubstr("pgvigil_agent_capability{name=\"collector\",state=\"failed\"} 1\n"));
  EXPECT_THAT(Ask("GET /other HTTP/1.1\r\nHost: a\r\n\r\n"), StartsWith("HTTP/1.1 404 "));
}

TEST_F(StatusPageTest, TakesNoOtherMethodAndNoBody) {
  for (const std::string method : {"POST", "PUT", "DELETE", "OPTIONS", "PATCH"}) {
    const std::string answer =
        Ask(method + " /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 405 ")) << method;
    EXPECT_THAT(answer, HasSubstr("\r\nAllow: GET\r\n")) << method;
  }
  EXPECT_THAT(Ask("GET /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"),
              StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Ask("GET /metrics HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"),
              StartsWith("HTTP/1.1 400 "));
}

TEST_F(StatusPageTest, SaysWhyItCannotListen) {
  const Result<std::unique_ptr<StatusPage>> second =
      StatusPage::Start("127.0.0.1", page_->port(), Failing);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(second.error().message, "status page: listen on 127.0.0.1:" +
                                        std::to_string(page_->port()) + ": Address already in use");
}

TEST_F(StatusPageTest, GivesItsPortBackAtTheEnd) {
  const uint16_t port = page_->port();
  EXPECT_THAT(Ask("GET /healthz HTTP/1.1\r\n\r\n"), EndsWith("ok\n"));
  page_.reset();
  EXPECT_FALSE(tests::RawConnection(port).connected());
}

TEST(StatusPage, RefusesWhatOtherMachinesReach) {
  for (const std::string address : {"0.0.0.0", "::", "192.0.2.1", "localhost", ""}) {
    const Result<std::unique_ptr<StatusPage>> started = StatusPage::Start(address, 0, Failing);
    ASSERT_FALSE(started) << address;
    EXPECT_EQ(started.error().code, ErrorCode::kInvalidInput);
    EXPECT_EQ(started.error().message, "status page: " + address + " is not a loopback address");
  }
}

}  // namespace
}  // namespace agent::status
