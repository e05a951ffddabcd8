#include "collector/http/server.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/raw_connection.h"

namespace {

using collector::http::Request;
using collector::http::Responder;
using collector::http::Response;
using collector::http::Server;
using collector::http::ServerConfig;
using std::chrono::milliseconds;
using tests::RawConnection;

ServerConfig SmallConfig() {
  ServerConfig config;
  config.port = 0;
  config.threads = 2;
  config.limits.header_bytes = 1024;
  config.limits.body_bytes = 4096;
  return config;
}

// Answers with what it was asked.
void Echo(const Request& request, const Responder& respond) {
  Response response;
  response.content_type = "text/plain";
  response.body = request.method + " " + request.path + " " + request.body;
  for (const auto& [name, value] : request.query) response.body += " " + name + "=" + value;
  respond(std::move(response));
}

std::unique_ptr<Server> StartEcho(const ServerConfig& config) {
  auto server = std::make_unique<Server>(config);
  server->OpenRoute("GET", "/echo", Echo);
  server->OpenRoute("POST", "/echo", Echo);
  const shared::Result<void> started = server->Start();
  EXPECT_TRUE(started) << started.error().message;
  return server;
}

std::string StatusLine(const std::string& response) {
  return response.substr(0, response.find("\r\n"));
}
std::string Body(const std::string& response) {
  return response.substr(std::min(response.find("\r\n\r\n") + 4, response.size()));
}

// How often the server refused for this reason: once the count is there, for a peer may see its
// connection closed before the server has counted why.
uint64_t RefusedFor(const Server& server, const std::string& reason) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (std::chrono::steady_clock::now() < deadline) {
    const auto refused = server.Statistics().refused;
    if (const auto found = refused.find(reason); found != refused.end()) return found->second;
    std::this_thread::yield();
  }
  return 0;
}

TEST(HttpServer, AnswersSeveralRequestsOnOneConnection) {
  const auto server = StartEcho(SmallConfig());
  RawConnection client(server->port());
  ASSERT_TRUE(client.Send("GET /echo?a=1&b=x%20y HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_EQ(Body(client.ReceiveResponse()), "GET /echo  a=1 b=x y");
  ASSERT_TRUE(client.Send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"));
  EXPECT_EQ(Body(client.ReceiveResponse()), "POST /echo hello");
}

TEST(HttpServer, AnswersPipelinedRequestsInOrder) {
  const auto server = StartEcho(SmallConfig());
  RawConnection client(server->port());
  ASSERT_TRUE(client.Send(
      "GET /echo?n=1 HTTP/1.1\r\nHost: x\r\n\r\nGET /echo?n=2 HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_EQ(Body(client.ReceiveResponse()), "GET /echo  n=1");
  EXPECT_EQ(Body(client.ReceiveResponse()), "GET /echo  n=2");
}

TEST(HttpServer, TakesChunkedBodies) {
  const auto server = StartEcho(SmallConfig());
  RawConnection client(server->port());
  ASSERT_TRUE(
      client.Send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"));
  EXPECT_EQ(Body(client.ReceiveResponse()), "POST /echo abcde");
}

TEST(HttpServer, ContinuesARequestThatAsksFirst) {
  const auto server = StartEcho(SmallConfig());
  RawConnection client(server->port());
  ASSERT_TRUE(client.Send(
      "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
  EXPECT_EQ(StatusLine(client.ReceiveResponse()), "HTTP/1.1 100 Continue");
  ASSERT_TRUE(client.Send("ok"));
  EXPECT_EQ(Body(client.ReceiveResponse()), "POST /echo ok");
}

TEST(HttpServer, AnswersHeadWithoutABody) {
  const auto server = StartEcho(SmallConfig());
  RawConnection client(server->port());
  client.ExpectNoBodies();
  ASSERT_TRUE(client.Send("HEAD /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
  const std::string all = client.ReceiveAll();
  EXPECT_EQ(StatusLine(all), "HTTP/1.1 200 OK");
  EXPECT_EQ(Body(all), "");
}

TEST(HttpServer, TellsAnUnknownPathFromAWrongMethod) {
  const auto server = StartEcho(SmallConfig());
  RawConnection client(server->port());
  ASSERT_TRUE(client.Send("GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"));
  const std::string missing = client.ReceiveResponse();
  EXPECT_EQ(StatusLine(missing), "HTTP/1.1 404 Not Found");
  EXPECT_EQ(Body(missing),
            "{\"error\":{\"code\":\"not_found\",\"message\":\"no such path: /nowhere\"}}\n");
  ASSERT_TRUE(client.Send("DELETE /echo HTTP/1.1\r\nHost: x\r\n\r\n"));
  const std::string refused = client.ReceiveResponse();
  EXPECT_EQ(StatusLine(refused), "HTTP/1.1 405 Method Not Allowed");
  EXPECT_NE(refused.find("Allow: GET, POST\r\n"), std::string::npos) << refused;
}

TEST(HttpServer, RefusesWhatIsNotHttp) {
  const auto server = StartEcho(SmallConfig());
  RawConnection client(server->port());
  ASSERT_TRUE(client.Send("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 garbage\r\n\r\n"));
  EXPECT_EQ(StatusLine(client.ReceiveAll()), "HTTP/1.1 400 Bad Request");
  EXPECT_EQ(RefusedFor(*server, "malformed"), 1u);
}

TEST(HttpServer, RefusesAHeaderOverTheLimit) {
  const auto server = StartEcho(SmallConfig());
  RawConnection client(server->port());
  client.Send("GET /echo HTTP/1.1\r\nX: " + std::string(5000, 'x') + "\r\n\r\n");
  EXPECT_EQ(StatusLine(client.ReceiveAll()), "HTTP/1.1 431 Request Header Fields Too Large");
  EXPECT_EQ(RefusedFor(*server, "header_too_large"), 1u);
}

TEST(HttpServer, RefusesAnAnnouncedBodyBeforeReadingIt) {
  const auto server = StartEcho(SmallConfig());
  RawConnection client(server->port());
  ASSERT_TRUE(client.Send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4097\r\n\r\n"));
  const std::string all = client.ReceiveAll();
  EXPECT_EQ(StatusLine(all), "HTTP/1.1 413 Payload Too Large");
  EXPECT_EQ(Body(all),
            "{\"error\":{\"code\":\"resource_exhausted\",\"message\":\"the body is larger than "
            "4096 bytes\"}}\n");
}

TEST(HttpServer, RefusesAChunkedBodyThatGrowsOverTheLimit) {
  const auto server = StartEcho(SmallConfig());
  RawConnection client(server->port());
  client.Send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "400\r\n" + std::string(0x400, 'x') + "\r\n";
  for (int i = 0; i < 5; ++i) client.Send(chunk);
  EXPECT_EQ(StatusLine(client.ReceiveAll()), "HTTP/1.1 413 Payload Too Large");
  EXPECT_EQ(RefusedFor(*server, "body_too_large"), 1u);
}

TEST(HttpServer, CutsOffAPeerThatNeverEndsItsHeader) {
  ServerConfig config = SmallConfig();
  config.limits.header_timeout = std::chrono::seconds(1);
  const auto server = StartEcho(config);
  RawConnection client(server->port());
  ASSERT_TRUE(client.Send("GET /echo HTT"));
  EXPECT_EQ(client.ReceiveAll(), "");
  EXPECT_EQ(RefusedFor(*server, "header_timeout"), 1u);
}

TEST(HttpServer, ClosesAnIdleConnection) {
  ServerConfig config = SmallConfig();
  config.limits.idle_timeout = std::chrono::seconds(1);
  const auto server = StartEcho(config);
  RawConnection client(server->port());
  EXPECT_EQ(client.ReceiveAll(), "");
}

TEST(HttpServer, CutsOffABodyThatNeverComes) {
  ServerConfig config = SmallConfig();
  config.limits.body_timeout = std::chrono::seconds(1);
  const auto server = StartEcho(config);
  RawConnection client(server->port());
  ASSERT_TRUE(client.Send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"));
  client.ReceiveAll();
  EXPECT_EQ(RefusedFor(*server, "slow_body"), 1u);
}

TEST(HttpServer, BoundsConnectionsOfOneAddress) {
  ServerConfig config = SmallConfig();
  config.limits.connections_per_address = 2;
  const auto server = StartEcho(config);
  std::vector<std::unique_ptr<RawConnection>> kept;
  for (int i = 0; i < 2; ++i) {
    kept.push_back(std::make_unique<RawConnection>(server->port()));
    ASSERT_TRUE(kept.back()->Send("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n"));
    EXPECT_EQ(StatusLine(kept.back()->ReceiveResponse()), "HTTP/1.1 200 OK");
  }
  RawConnection third(server->port());
  EXPECT_EQ(third.ReceiveAll(), "");
  EXPECT_EQ(RefusedFor(*server, "address_limit"), 1u);
}

TEST(HttpServer, RefusesBodiesThatTogetherAreTooLarge) {
  ServerConfig config = SmallConfig();
  config.limits.bodies_in_flight_bytes = 5000;
  Server server(config);
  std::promise<Responder> asked;
  server.OpenRoute("POST", "/hold",
                   [&](const Request&, Responder respond) { asked.set_value(std::move(respond)); });
  ASSERT_TRUE(server.Start());
  RawConnection first(server.port());
  ASSERT_TRUE(first.Send("POST /hold HTTP/1.1\r\nHost: x\r\nContent-Length: 4000\r\n\r\n" +
                         std::string(4000, 'x')));
  Responder answer_first = asked.get_future().get();
  RawConnection second(server.port());
  ASSERT_TRUE(second.Send("POST /hold HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n"));
  const std::string refused = second.ReceiveAll();
  EXPECT_EQ(StatusLine(refused), "HTTP/1.1 503 Service Unavailable");
  EXPECT_NE(refused.find("Retry-After: 1\r\n"), std::string::npos) << refused;
  answer_first(Response{});
  answer_first = nullptr;
  EXPECT_EQ(StatusLine(first.ReceiveResponse()), "HTTP/1.1 200 OK");
}

TEST(HttpServer, KeepsNoRoomForABodyThatDoesNotCome) {
  ServerConfig config = SmallConfig();
  config.limits.bodies_in_flight_bytes = 5000;
  const auto server = StartEcho(config);
  std::vector<std::unique_ptr<RawConnection>> idle;
  for (int i = 0; i < 10; ++i) {
    idle.push_back(std::make_unique<RawConnection>(server->port()));
    ASSERT_TRUE(idle.back()->Send(
        "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4000\r\n\r\n"));
    EXPECT_EQ(StatusLine(idle.back()->ReceiveResponse()), "HTTP/1.1 100 Continue");
  }
  RawConnection busy(server->port());
  ASSERT_TRUE(busy.Send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4000\r\n\r\n" +
                        std::string(4000, 'x')));
  EXPECT_EQ(StatusLine(busy.ReceiveResponse()), "HTTP/1.1 200 OK");
}

TEST(HttpServer, RefusesWhatCanBeReadInTwoWays) {
  const auto server = StartEcho(SmallConfig());
  const auto expect_refused = [&](const std::string& rest, const std::string& status) {
    RawConnection client(server->port());
    ASSERT_TRUE(client.Send("POST /echo HTTP/1.1\r\n" + rest));
    const std::string all = client.ReceiveAll();  // and the connection is closed
    EXPECT_EQ(StatusLine(all), "HTTP/1.1 " + status) << rest;
    EXPECT_EQ(all.rfind("Content-Length: "), all.find("Content-Length: "))
        << "more than one answer to " << rest;
  };
  const std::string host = "Host: x\r\n";
  const std::string bad = "400 Bad Request";
  expect_refused(host + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", bad);
  expect_refused(host + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n", bad);
  expect_refused(host + "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde", bad);
  expect_refused(host + "Content-Length: +4\r\n\r\nabcd", bad);
  expect_refused(host + "Content-Length: 18446744073709551617\r\n\r\nabcd", bad);
  expect_refused(host + "Transfer-Encoding: gzip\r\n\r\nGET /echo HTTP/1.1\r\n\r\n", bad);
  expect_refused(host + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", bad);
  expect_refused(host + "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                 bad);
  expect_refused(host + "Content-Length : 4\r\n\r\nabcd", bad);
  expect_refused(host + "X: a\rContent-Length: 4\r\n\r\nabcd", bad);
  expect_refused(host + "X: a\nContent-Length: 4\r\n\r\nabcd", bad);
  expect_refused(host + std::string("X: a\0b\r\n\r\n", 10), bad);
  expect_refused(host + host + "\r\n", bad);
  expect_refused("\r\n", bad);  // no Host
}

TEST(HttpServer, CutsOffABodyOfBadChunks) {
  const auto server = StartEcho(SmallConfig());
  uint64_t broken = 0;
  for (const char* const chunk :
       {"ffffffffffffffff1\r\nx\r\n", "-1\r\nx\r\n", "\r\n", "1\r\nxyz\r\n", "zz\r\n"}) {
    RawConnection client(server->port());
    ASSERT_TRUE(
        client.Send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"));
    ASSERT_TRUE(client.Send(chunk));
    EXPECT_EQ(StatusLine(client.ReceiveAll()), "HTTP/1.1 400 Bad Request") << chunk;
    broken += 1;
  }
  EXPECT_EQ(RefusedFor(*server, "malformed"), broken);
}

TEST(HttpServer, WaitsForAnAnswerFromAnotherThread) {
  Server server(SmallConfig());
  std::promise<Responder> asked;
  server.OpenRoute("GET", "/later",
                   [&](const Request&, Responder respond) { asked.set_value(std::move(respond)); });
  ASSERT_TRUE(server.Start());
  RawConnection client(server.port());
  ASSERT_TRUE(client.Send("GET /later HTTP/1.1\r\nHost: x\r\n\r\n"));
  std::thread([responder = asked.get_future().get()] {
    Response response;
    response.body = "{}";
    responder(response);
    responder(response);  // a second answer changes nothing
  }).join();
  EXPECT_EQ(Body(client.ReceiveResponse()), "{}");
}

TEST(HttpServer, AnswersForAHandlerThatDropsItsRequest) {
  Server server(SmallConfig());
  server.OpenRoute("GET", "/drop", [](const Request&, const Responder&) {});
  ASSERT_TRUE(server.Start());
  RawConnection client(server.port());
  ASSERT_TRUE(client.Send("GET /drop HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_EQ(StatusLine(client.ReceiveResponse()), "HTTP/1.1 500 Internal Server Error");
}

TEST(HttpServer, AnswersForAHandlerThatTakesTooLong) {
  ServerConfig config = SmallConfig();
  config.limits.response_timeout = std::chrono::seconds(1);
  Server server(config);
  std::promise<Responder> asked;
  server.OpenRoute("GET", "/slow",
                   [&](const Request&, Responder respond) { asked.set_value(std::move(respond)); });
  ASSERT_TRUE(server.Start());
  RawConnection client(server.port());
  ASSERT_TRUE(client.Send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"));
  const Responder late = asked.get_future().get();
  EXPECT_EQ(StatusLine(client.ReceiveAll()), "HTTP/1.1 503 Service Unavailable");
  late(Response{});  // answers nobody
  EXPECT_EQ(RefusedFor(server, "response_timeout"), 1u);
}

TEST(HttpServer, EndsRequestsUnderWayBeforeItStops) {
  Server server(SmallConfig());
  std::promise<Responder> asked;
  server.OpenRoute("GET", "/later",
                   [&](const Request&, Responder respond) { asked.set_value(std::move(respond)); });
  ASSERT_TRUE(server.Start());
  RawConnection client(server.port());
  ASSERT_TRUE(client.Send("GET /later HTTP/1.1\r\nHost: x\r\n\r\n"));
  Responder responder = asked.get_future().get();
  std::thread stopper([&] { server.Stop(std::chrono::seconds(20)); });
  Response response;
  response.body = "{}";
  responder(std::move(response));
  responder = nullptr;
  EXPECT_EQ(Body(client.ReceiveAll()), "{}");
  stopper.join();
}

TEST(HttpServer, SaysWhyItCannotListen) {
  const auto taken = StartEcho(SmallConfig());
  ServerConfig config = SmallConfig();
  config.port = taken->port();
  Server server(config);
  const shared::Result<void> started = server.Start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().message,
            "listen on 127.0.0.1:" + std::to_string(taken->port()) + ": Address already in use");
  config.address = "localhost";
  Server unresolved(config);
  EXPECT_EQ(unresolved.Start().error().code, shared::ErrorCode::kInvalidInput);
}

}  // namespace
