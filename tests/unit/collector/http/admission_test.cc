// Who is let in, seen from outside: before a body is read, and without harm to the connection.
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <future>
#include <string>

#include "collector/access/gate.h"
#include "collector/http/server.h"
#include "tests/support/fake_clock.h"
#include "tests/support/raw_connection.h"
#include "tests/unit/collector/access/fake_key_source.h"

namespace {

using collector::access::Gate;
using collector::access::KeyRecord;
using collector::access::KeyRing;
using collector::access::KeyRule;
using collector::access::Scope;
using collector::http::Request;
using collector::http::Responder;
using collector::http::Response;
using collector::http::Server;
using collector::http::ServerConfig;
using tests::RawConnection;

// Says whose data the caller may see.
void TellTenant(const Request& request, const Responder& respond) {
  Response response;
  response.content_type = "text/plain";
  response.body = fmt::format("tenant {} {}", request.caller.tenant.value, request.body);
  respond(std::move(response));
}

class HttpAccess : public ::testing::Test {
 protected:
  HttpAccess() {
    KeyRecord record;
    record.tenant = {7};
    record.tenant_name = "acme";
    record.scopes.Add(Scope::kIngest);
    key_ = source_.Add(record);
    ring_.Look();
    ServerConfig config;
    config.port = 0;
    config.gate = &gate_;
    server_.emplace(config);
    server_->Route("POST", "/batches", Scope::kIngest, TellTenant);
    server_->Route("GET", "/answers", Scope::kQuery, TellTenant);
    server_->OpenRoute("GET", "/health", TellTenant);
    const auto started = server_->Start();
    EXPECT_TRUE(started) << started.error().message;
  }
  ~HttpAccess() override { server_->Stop(std::chrono::seconds(5)); }

  static std::string Post(const std::string& header, const std::string& body) {
    return fmt::format("POST /batches HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n{}\r\n{}",
                       body.size(), header, body);
  }
  static std::string Get(const std::string& path, const std::string& header = "") {
    return fmt::format("GET {} HTTP/1.1\r\nHost: x\r\n{}\r\n", path, header);
  }

  tests::FakeClock clock_;
  shared::metrics::Registry registry_;
  tests::FakeKeySource source_;
  KeyRing ring_{source_, clock_, registry_, {tests::kNeverAgain}};
  Gate gate_{KeyRule::kOnceThereIsOne, &ring_, clock_, registry_};
  std::optional<Server> server_;
  std::string key_;
};

TEST_F(HttpAccess, TakesTheKeyFromEitherHeaderAndTellsTheTenant) {
  RawConnection client(server_->port());
  for (const std::string& header :
       {"Authorization: Bearer " + key_, "x-api-key: " + key_, "AUTHORIZATION: bearer " + key_}) {
    client.Send(Post(header + "\r\n", "hello"));
    const std::string response = client.ReceiveResponse();
    EXPECT_NE(response.find("tenant 7 hello"), std::string::npos) << response;
  }
}

TEST_F(HttpAccess, RefusesAndKeepsTheConnection) {
  RawConnection client(server_->port());
  client.Send(Post("", std::string(1000, 'x')));
  std::string response = client.ReceiveResponse();
  EXPECT_TRUE(response.starts_with("HTTP/1.1 401 Unauthorized\r\n")) << response;
  EXPECT_NE(response.find("\r\nWWW-Authenticate: Bearer realm=\"pgvigil\"\r\n"), std::string::npos);
  EXPECT_TRUE(response.ends_with(
      "{\"error\":{\"code\":\"unauthenticated\",\"message\":\"an API key is needed: send "
      "Authorization: Bearer KEY or X-API-Key: KEY\"}}\n"))
      << response;
  client.Send(Get("/answers", "X-API-Key: " + key_ + "\r\n"));
  response = client.ReceiveResponse();
  EXPECT_TRUE(response.starts_with("HTTP/1.1 403 Forbidden\r\n")) << response;
  EXPECT_EQ(response.find(key_), std::string::npos);
  client.Send(Get("/health"));
  EXPECT_NE(client.ReceiveResponse().find("tenant 1"), std::string::npos);
  client.Send(Post("X-API-Key: " + key_ + "\r\n", "again"));
  EXPECT_NE(client.ReceiveResponse().find("tenant 7 again"), std::string::npos);
}

TEST_F(HttpAccess, RefusesTheSameHeaderTwice) {
  RawConnection client(server_->port());
  const std::string header = "X-API-Key: " + key_ + "\r\n";
  client.Send(Post(header + header, ""));
  EXPECT_TRUE(client.ReceiveResponse().starts_with("HTTP/1.1 401 "));
}

// Whoever has no key cannot make the collector hold a large body for him.
TEST_F(HttpAccess, ReadsNoLargeBodyOfWhoMayNotSend) {
  RawConnection client(server_->port());
  client.Send("POST /batches HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
  EXPECT_TRUE(client.ReceiveAll().starts_with("HTTP/1.1 401 "));
  RawConnection patient(server_->port());
  patient.Send(
      "POST /batches HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_TRUE(patient.ReceiveAll().starts_with("HTTP/1.1 401 "));
  RawConnection chunked(server_->port());
  chunked.Send("POST /batches HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_TRUE(chunked.ReceiveAll().starts_with("HTTP/1.1 401 "));
}

TEST_F(HttpAccess, AsksAgainForEachRequestOfAConnection) {
  RawConnection client(server_->port());
  const std::string post = Post("X-API-Key: " + key_ + "\r\n", "");
  client.Send(post);
  EXPECT_TRUE(client.ReceiveResponse().starts_with("HTTP/1.1 200 "));
  source_.Change(key_, [&](KeyRecord& key) { key.revoked_at = clock_.Now(); });
  ring_.Look();
  client.Send(post);
  EXPECT_TRUE(client.ReceiveResponse().starts_with("HTTP/1.1 401 "));
}

TEST(HttpWiden, ListensOnLoopbackUntilItIsToldOtherwise) {
  ServerConfig config;
  config.address = "0.0.0.0";
  config.port = 0;
  config.loopback_first = true;
  Server server(config);
  server.OpenRoute("GET", "/health", TellTenant);
  const auto started = server.Start();
  ASSERT_TRUE(started) << started.error().message;
  // 127.0.0.2 is this machine as well, but not the address that is listened on.
  RawConnection other(server.port(), "127.0.0.2");
  EXPECT_FALSE(other.connected());
  RawConnection local(server.port());
  local.Send("GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(local.ReceiveResponse().starts_with("HTTP/1.1 200 "));

  std::promise<shared::Result<void>> widened;
  server.Widen([&](shared::Result<void> wide) { widened.set_value(std::move(wide)); });
  const auto wide = widened.get_future().get();
  ASSERT_TRUE(wide) << wide.error().message;
  RawConnection now(server.port(), "127.0.0.2");
  for (RawConnection* const client : {&local, &now}) {
    client->Send("GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_TRUE(client->ReceiveResponse().starts_with("HTTP/1.1 200 "));
  }
  server.Stop(std::chrono::seconds(5));
}

}  // namespace
