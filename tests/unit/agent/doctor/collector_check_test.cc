#include "agent/doctor/collector_check.h"

#include <gtest/gtest.h>

#include "tests/support/fake_http_server.h"

namespace agent::doctor {
namespace {

using pgvigil::v1::Capability;
using shared::Error;
using shared::ErrorCode;
using shared::http::Response;

config::CollectorLink LinkTo(std::string url) {
  config::CollectorLink link;
  link.url = std::move(url);
  link.api_key = shared::Secret("key-that-stays-here");
  return link;
}

TEST(CheckCollector, AsksReadyzOnceAndKeepsTheKey) {
  tests::FakeHttpServer server([](const tests::FakeRequest&) {
    return tests::FakeReply{200, "ready\n"};
  });
  const Capability found = CheckCollector(LinkTo(server.Url("/base")));
  EXPECT_EQ(found.name(), "collector");
  EXPECT_EQ(found.state(), Capability::STATE_OK) << found.detail();
  EXPECT_EQ(found.detail(), "");
  const std::vector<tests::FakeRequest> requests = server.Requests();
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].method, "GET");
  EXPECT_EQ(requests[0].target, "/base/readyz");
  EXPECT_EQ(requests[0].headers.count("authorization"), 0U);
}

TEST(CheckCollector, NamesTheFileThatTlsCannotRead) {
  config::CollectorLink link = LinkTo("https://collector.invalid");
  link.ca_file = "/nonexistent/ca.pem";
  const Capability found = CheckCollector(link);
  EXPECT_EQ(found.state(), Capability::STATE_FAILED);
  EXPECT_EQ(found.detail(), "open /nonexistent/ca.pem: No such file or directory");
  EXPECT_EQ(found.remedy(),
            "name files that this user can read in collector.ca_file, cert_file and key_file");
}

TEST(JudgeCollector, TellsByTheStatusWhoAnswered) {
  const auto expect = [](int status, std::string body, std::string_view detail,
                         std::string_view remedy) {
    const Capability found =
        JudgeCollector(LinkTo("http://c:1"), Response{status, "text/plain", std::move(body)});
    EXPECT_EQ(found.state(), Capability::STATE_FAILED) << status;
    EXPECT_EQ(found.detail(), detail);
    EXPECT_EQ(found.remedy(), remedy);
  };
  constexpr std::string_view kOther =
      "set collector.url to the collector: something else answers there";
  expect(404, "404 page not found\nmore", "GET http://c:1/readyz: 404 404 page not found", kOther);
  expect(200, "<html>", "GET http://c:1/readyz: 200 <html>", kOther);
  expect(302, "moved", "GET http://c:1/readyz: 302 moved", kOther);
  expect(503, "not ready: connect: Connection refused\n",
         "GET http://c:1/readyz: 503 not ready: connect: Connection refused",
         "the collector runs, but is not ready: see its own log");
  expect(400, "bad request", "GET http://c:1/readyz: 400 bad request",
         "use https:// in collector.url if that port speaks TLS");
}

TEST(JudgeCollector, KnowsWhatHelpsAgainstWhatLibcurlSays) {
  const auto expect = [](std::string why, std::string_view remedy) {
    const std::string message = "GET https://c/readyz: " + why;
    const Capability found = JudgeCollector(
        LinkTo("https://c"), tl::make_unexpected(Error{ErrorCode::kUnavailable, message}));
    EXPECT_EQ(found.state(), Capability::STATE_FAILED) << why;
    EXPECT_EQ(found.detail(), message);
    EXPECT_EQ(found.remedy(), remedy) << why;
  };
  expect("SSL certificate problem: unable to get local issuer certificate",
         "set collector.ca_file to the authority (PEM) that signed the collector's certificate");
  expect("SSL certificate problem: certificate has expired",
         "renew the collector's certificate, or set this host's clock right");
  expect("SSL: no alternative certificate subject name matches target host name 'c'",
         "set collector.url to a name that the collector's certificate holds");
  expect("error:0A000410:SSL routines::sslv3 alert handshake failure",
         "set collector.cert_file and collector.key_file to a certificate that the collector "
         "accepts");
  expect("error:0A00010B:SSL routines::wrong version number",
         "use http:// in collector.url, or the port that speaks TLS");
  expect("Could not resolve host: c", "set collector.url to a name that this host can look up");
  expect("connect: Connection refused",
         "start the collector, or set collector.url to where it listens");
  expect("something new", "set collector.url to where the collector listens");
}

}  // namespace
}  // namespace agent::doctor
