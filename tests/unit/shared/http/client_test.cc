#include "shared/http/client.h"

#include <gtest/gtest.h>

#include <latch>
#include <thread>

#include "tests/support/fake_http_server.h"
#include "tests/support/raw_server.h"

namespace shared::http {
namespace {

using std::chrono::milliseconds;

Client MakeClient(const ClientConfig& config = {}) {
  Result<Client> client = Client::Create(config);
  EXPECT_TRUE(client) << client.error().message;
  return std::move(*client);
}

void ExpectError(const Result<Response>& result, ErrorCode code, std::string_view message) {
  ASSERT_FALSE(result) << message;
  EXPECT_EQ(CodeName(result.error().code), CodeName(code)) << result.error().message;
  EXPECT_EQ(result.error().message, message);
}

TEST(Client, SendsMethodHeadersTokenAndBody) {
  tests::FakeHttpServer server([](const tests::FakeRequest&) {
    return tests::FakeReply{.status = 202, .body = "taken", .content_type = "text/x-answer"};
  });
  Client client = MakeClient({.user_agent = "pgvigil-test/1"});
  const std::string body("\0\xff bytes", 8);
  const Result<Response> response = client.Send({.method = "POST",
                                                 .url = server.Url("/v1/batches?a=1"),
                                                 .headers = {{"X-One", "1"}},
                                                 .bearer_token = Secret("pgv_id_secret"),
                                                 .body = body});
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 202);
  EXPECT_EQ(response->body, "taken");
  EXPECT_EQ(response->content_type, "text/x-answer");
  EXPECT_LT(response->retry_after.count(), 0);
  const std::vector<tests::FakeRequest> requests = server.Requests();
  ASSERT_EQ(requests.size(), 1U);
  tests::FakeRequest request = requests[0];
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.target, "/v1/batches?a=1");
  EXPECT_EQ(request.body, body);
  EXPECT_EQ(request.headers["authorization"], "Bearer pgv_id_secret");
  EXPECT_EQ(request.headers["user-agent"], "pgvigil-test/1");
  EXPECT_EQ(request.headers["x-one"], "1");
  EXPECT_EQ(request.headers.count("expect"), 0U);
  EXPECT_EQ(request.headers.count("content-type"), 0U);
}

TEST(Client, SendsEachMethodAsItIs) {
  tests::FakeHttpServer server([](const tests::FakeRequest& request) {
    return tests::FakeReply{.body = request.method + ":" + request.body};
  });
  Client client = MakeClient();
  const auto expect_echo = [&](const std::string& method, const std::string& body) {
    const Result<Response> response =
        client.Send({.method = method, .url = server.Url("/"), .body = body});
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->body, method + ":" + body);
  };
  expect_echo("GET", "");
  expect_echo("POST", "");
  expect_echo("POST", "x");
  expect_echo("PUT", "y");
  expect_echo("DELETE", "");
  const Result<Response> head = client.Send({.method = "HEAD", .url = server.Url("/")});
  ASSERT_TRUE(head);
  EXPECT_EQ(head->status, 200);
  EXPECT_EQ(head->body, "");
}

TEST(Client, CallsAnyStatusASuccess) {
  tests::FakeHttpServer server([](const tests::FakeRequest&) {
    return tests::FakeReply{.status = 503, .body = "later", .headers = {{"Retry-After", "17"}}};
  });
  const Result<Response> response = MakeClient().Send({.url = server.Url("/")});
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 503);
  EXPECT_EQ(response->body, "later");
  EXPECT_EQ(response->retry_after.count(), 17);
}

TEST(Client, ReadsRetryAfterAsADate) {
  tests::FakeHttpServer server([](const tests::FakeRequest&) {
    return tests::FakeReply{.status = 429,
                            .headers = {{"retry-after", "Sun, 01 Jan 2017 00:00:00 GMT"}}};
  });
  EXPECT_EQ(MakeClient().Send({.url = server.Url("/")})->retry_after.count(), 0);
}

TEST(Client, DoesNotFollowRedirects) {
  tests::FakeHttpServer server([](const tests::FakeRequest&) {
    return tests::FakeReply{.status = 302, .headers = {{"Location", "/elsewhere"}}};
  });
  EXPECT_EQ(MakeClient().Send({.url = server.Url("/")})->status, 302);
  EXPECT_EQ(server.Requests().size(), 1U);
}

TEST(Client, KeepsItsConnection) {
  tests::FakeHttpServer server([](const tests::FakeRequest&) { return tests::FakeReply{}; });
  Client client = MakeClient();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(client.Send({.url = server.Url("/")}));
  const std::vector<tests::FakeRequest> requests = server.Requests();
  ASSERT_EQ(requests.size(), 3U);
  EXPECT_EQ(requests[0].client_port, requests[1].client_port);
  EXPECT_EQ(requests[0].client_port, requests[2].client_port);
}

TEST(Client, RunsSeveralRequestsAtOnce) {
  std::latch all_are_there(3);  // no answer before all three have arrived
  tests::FakeHttpServer server([&](const tests::FakeRequest& request) {
    all_are_there.arrive_and_wait();
    return tests::FakeReply{.body = request.target};
  });
  Client client = MakeClient();
  std::vector<std::string> answers;
  for (const char* const target : {"/a", "/b", "/c"}) {
    client.Start({.url = server.Url(target)}, [&, target](const Result<Response>& response) {
      ASSERT_TRUE(response) << response.error().message;
      EXPECT_EQ(response->body, target);
      answers.push_back(response->body);
    });
  }
  EXPECT_EQ(client.in_flight(), 3U);
  while (client.in_flight() > 0) client.Poll(std::chrono::seconds(10));
  EXPECT_EQ(answers.size(), 3U);
}

TEST(Client, StartsTheNextRequestFromACallback) {
  tests::FakeHttpServer server([](const tests::FakeRequest&) { return tests::FakeReply{}; });
  Client client = MakeClient();
  int answers = 0;
  std::function<void(Result<Response>)> next = [&](const Result<Response>& response) {
    ASSERT_TRUE(response);
    if (++answers < 3) client.Start({.url = server.Url("/")}, next);
  };
  client.Start({.url = server.Url("/")}, next);
  while (client.in_flight() > 0) client.Poll(std::chrono::seconds(10));
  EXPECT_EQ(answers, 3);
}

TEST(Client, WakesAPollFromAnotherThread) {
  Client client = MakeClient();
  std::jthread waker([&] { client.Wake(); });
  client.Poll(std::chrono::hours(24));  // else the test would not end
}

TEST(Client, DropsWhatIsUnderWayWhenItGoes) {
  tests::RawServer silent({.first = ""});
  bool called = false;
  {
    Client client = MakeClient();
    client.Start({.url = silent.Url("/")}, [&](const Result<Response>&) { called = true; });
    client.Poll(milliseconds(1));
  }
  EXPECT_FALSE(called);
}

TEST(Client, CutsAReplyThatIsTooLong) {
  tests::FakeHttpServer server(
      [](const tests::FakeRequest&) { return tests::FakeReply{.body = std::string(1001, 'x')}; });
  const std::string url = server.Url("/big");
  ExpectError(MakeClient({.response_limit_bytes = 1000}).Send({.url = url}),
              ErrorCode::kResourceExhausted, "GET " + url + ": a reply over 1000 bytes");
  EXPECT_EQ(MakeClient({.response_limit_bytes = 1001}).Send({.url = url})->body.size(), 1001U);
}

TEST(Client, CutsAReplyWithoutEnd) {
  tests::RawServer server(
      {.first = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", .again = "4\r\nabcd\r\n"});
  ExpectError(MakeClient().Send({.url = server.Url("/")}), ErrorCode::kResourceExhausted,
              "GET " + server.Url("/") + ": a reply over 65536 bytes");
}

TEST(Client, CutsHeadersWithoutEnd) {
  tests::RawServer server({.first = "HTTP/1.1 200 OK\r\n", .again = "X-More: and more\r\n"});
  ExpectError(MakeClient().Send({.url = server.Url("/")}), ErrorCode::kResourceExhausted,
              "GET " + server.Url("/") + ": headers over 32768 bytes");
}

TEST(Client, CutsInterimRepliesWithoutEnd) {
  tests::RawServer server({.first = "", .again = "HTTP/1.1 103 Early Hints\r\n\r\n"});
  ExpectError(MakeClient().Send({.url = server.Url("/")}), ErrorCode::kResourceExhausted,
              "GET " + server.Url("/") + ": headers over 32768 bytes");
}

TEST(Client, GivesUpOnASilentServer) {
  tests::RawServer server({.first = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"});
  ExpectError(MakeClient({.request_timeout = milliseconds(50)}).Send({.url = server.Url("/")}),
              ErrorCode::kTimeout, "GET " + server.Url("/") + ": no whole answer within 50 ms");
}

TEST(Client, SaysThatNobodyListens) {
  const tests::ClosedPort closed;
  const std::string authority = fmt::format("127.0.0.1:{}/x", closed.port());
  ExpectError(MakeClient().Send({.method = "POST",
                                 .url = "http://user:secret@" + authority + "?token=secret",
                                 .bearer_token = Secret("secret")}),
              ErrorCode::kUnavailable,
              "POST http://" + authority + "?***: connect: Connection refused");
}

TEST(Client, CallsABrokenReplyUnavailable) {
  const auto expect_error = [](const std::string& reply, std::string_view why) {
    tests::RawServer server({.first = reply, .close_after_first = true});
    ExpectError(MakeClient().Send({.url = server.Url("/")}), ErrorCode::kUnavailable,
                "GET " + server.Url("/") + ": " + std::string(why));
  };
  expect_error("", "Empty reply from server");
  expect_error("SSH-2.0-OpenSSH_9.2\r\n", "Received HTTP/0.9 when not allowed");
  expect_error("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
               "transfer closed with 3 bytes remaining to read");
}

TEST(Client, RefusesWhatCouldSplitARequest) {
  Client client = MakeClient();
  ExpectError(client.Send({.url = "http://h/", .headers = {{"A", "b\r\nC: d"}}}),
              ErrorCode::kInvalidInput, "GET http://h/: header \"A\" has a forbidden character");
  ExpectError(client.Send({.url = "http://h/", .headers = {{"A b", "c"}}}),
              ErrorCode::kInvalidInput, "GET http://h/: header \"A b\" has a forbidden character");
  ExpectError(client.Send({.url = "http://h/", .bearer_token = Secret("a\nb")}),
              ErrorCode::kInvalidInput,
              "GET http://h/: the bearer token has a forbidden character");
  ExpectError(client.Send({.method = "GET /x", .url = "http://h/"}), ErrorCode::kInvalidInput,
              "a request's method or URL has a forbidden character");
  ExpectError(client.Send({.url = "file:///etc/passwd"}), ErrorCode::kInvalidInput,
              "GET file:///etc/passwd: neither http nor https");
}

TEST(Client, IgnoresTheEnvironmentsProxy) {
  const tests::ClosedPort closed;
  ::setenv("http_proxy", fmt::format("http://127.0.0.1:{}", closed.port()).c_str(), 1);
  tests::FakeHttpServer server([](const tests::FakeRequest&) { return tests::FakeReply{}; });
  EXPECT_TRUE(MakeClient().Send({.url = server.Url("/")}));
  ::unsetenv("http_proxy");
}

TEST(Client, GoesThroughTheConfiguredProxy) {
  tests::FakeHttpServer proxy([](const tests::FakeRequest& request) {
    return tests::FakeReply{.body = "for " + request.target};
  });
  Client client = MakeClient({.proxy = proxy.Url("")});
  const Result<Response> response = client.Send({.url = "http://collector.invalid/x"});
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->body, "for http://collector.invalid/x");
}

}  // namespace
}  // namespace shared::http
