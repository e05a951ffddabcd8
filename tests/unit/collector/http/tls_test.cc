// The listener within TLS, against OpenSSL's client and the agents'.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "collector/http/server.h"
#include "shared/http/client.h"
#include "tests/support/certificates.h"
#include "tests/support/raw_connection.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/tls_connection.h"

namespace collector::http {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;
using tests::Issued;
using tests::TlsConnection;

constexpr int kTls11 = 0x0302;
constexpr int kTls12 = 0x0303;
constexpr const char* kGet = "GET /who HTTP/1.1\r\nHost: x\r\n\r\n";

class HttpTls : public testing::Test {
 protected:
  HttpTls() {
    config_.port = 0;
    config_.limits.connections_per_address = 1000;
    config_.tls.cert_file = directory_ / "tls.pem";
    config_.tls.key_file = directory_ / "tls.key";
    config_.tls.handshake_timeout = std::chrono::minutes(1);
    config_.tls.check_interval = milliseconds(10);
    Write(authority_.Issue());
  }
  void Write(const Issued& issued) {
    tests::ReplaceFile(config_.tls.cert_file, issued.cert_pem);
    tests::ReplaceFile(config_.tls.key_file, issued.key_pem);
  }
  void AskForCertificates(ClientCertificates clients) {
    config_.tls.client_ca_file = directory_ / "clients.pem";
    tests::ReplaceFile(config_.tls.client_ca_file, clients_.pem());
    config_.tls.clients = clients;
  }
  void Start() {
    server_ = std::make_unique<Server>(config_);
    server_->OpenRoute("GET", "/who", [](const Request& request, const Responder& respond) {
      Response response;
      for (const std::string& name : request.client_names) response.body += name + "\n";
      respond(std::move(response));
    });
    server_->OpenRoute("POST", "/echo", [](const Request& request, const Responder& respond) {
      Response response;
      response.body = request.body;
      respond(std::move(response));
    });
    const shared::Result<void> started = server_->Start();
    ASSERT_TRUE(started) << started.error().message;
  }
  [[nodiscard]] tests::TlsClientOptions Trusting() const { return {.ca_pem = authority_.pem()}; }
  [[nodiscard]] tests::TlsClientOptions Showing(const Issued& issued) const {
    return {.ca_pem = authority_.pem(), .cert_pem = issued.cert_pem, .key_pem = issued.key_pem};
  }
  // What a client gets for GET /who; its error when that is nothing.
  [[nodiscard]] std::string Ask(const tests::TlsClientOptions& options) const {
    TlsConnection client(server_->port(), options);
    if (!client.ok()) return client.error();
    if (!client.Send(kGet)) return client.error();
    const std::string response = client.ReceiveResponse();
    return response.empty() ? client.error() : response;
  }
  // Once it is counted: a client may know before the server.
  [[nodiscard]] uint64_t Failures(const std::string& reason) const {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (std::chrono::steady_clock::now() < deadline) {
      const auto failures = server_->Statistics().handshake_failures;
      if (const auto found = failures.find(reason); found != failures.end()) return found->second;
      std::this_thread::yield();
    }
    return 0;
  }

  const tests::TemporaryDirectory directory_;
  const tests::Authority authority_{"servers"};
  const tests::Authority clients_{"clients"};
  ServerConfig config_;
  std::unique_ptr<Server> server_;
};

TEST_F(HttpTls, SpeaksHttpWithinTls13) {
  Start();
  TlsConnection client(server_->port(), Trusting());
  ASSERT_TRUE(client.ok()) << client.error();
  EXPECT_EQ(client.protocol(), "TLSv1.3");
  EXPECT_EQ(client.application_protocol(), "http/1.1");
  ASSERT_TRUE(client.Send(std::string(kGet) + kGet));
  EXPECT_THAT(client.ReceiveResponse(), StartsWith("HTTP/1.1 200 OK"));
  EXPECT_THAT(client.ReceiveResponse(), StartsWith("HTTP/1.1 200 OK"));
}

TEST_F(HttpTls, CarriesLargeBodiesBothWays) {
  Start();
  TlsConnection client(server_->port(), Trusting());
  std::string body(3'000'000, 'x');
  for (size_t i = 0; i < body.size(); i += 997) body[i] = static_cast<char>('a' + i % 26);
  ASSERT_TRUE(client.Send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n"));
  ASSERT_TRUE(client.Send(body));
  EXPECT_TRUE(client.ReceiveResponse().ends_with(body));
}

TEST_F(HttpTls, SpeaksNothingOlderThanTls12) {
  Start();
  tests::TlsClientOptions options = Trusting();
  options.max_version = kTls12;
  EXPECT_THAT(Ask(options), StartsWith("HTTP/1.1 200 OK"));
  options.max_version = kTls11;
  EXPECT_EQ(Ask(options), "tlsv1 alert protocol version");
  EXPECT_EQ(Failures("protocol_version"), 1u);
}

TEST_F(HttpTls, SpeaksTls13AloneWhenAsked) {
  config_.tls.version_1_3_only = true;
  Start();
  tests::TlsClientOptions options = Trusting();
  EXPECT_THAT(Ask(options), StartsWith("HTTP/1.1 200 OK"));
  options.max_version = kTls12;
  EXPECT_EQ(Ask(options), "tlsv1 alert protocol version");
}

TEST_F(HttpTls, TellsAPlainClientToUseTls) {
  Start();
  tests::RawConnection client(server_->port());
  ASSERT_TRUE(client.Send(kGet));
  EXPECT_EQ(client.ReceiveAll(),
            "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
            "this port speaks TLS: use https://\n");
  EXPECT_EQ(Failures("not_tls"), 1u);
}

TEST_F(HttpTls, CutsOffAPeerThatNeverShakesHands) {
  config_.tls.handshake_timeout = milliseconds(100);
  Start();
  tests::RawConnection silent(server_->port());
  EXPECT_EQ(silent.ReceiveAll(), "");
  EXPECT_EQ(Failures("timeout"), 1u);
}

TEST_F(HttpTls, StopsWhileHandsAreShaken) {
  Start();
  tests::RawConnection silent(server_->port());
  tests::RawConnection slow(server_->port());
  ASSERT_TRUE(slow.Send("\x16\x03\x01"));
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (server_->Statistics().connections_open < 2) {
    ASSERT_LT(std::chrono::steady_clock::now(), give_up);
    std::this_thread::yield();
  }
  server_->Stop(std::chrono::seconds(20));
  EXPECT_EQ(silent.ReceiveAll(), "");
}

TEST_F(HttpTls, WantsAClientCertificateWhereItIsRequired) {
  AskForCertificates(ClientCertificates::kRequired);
  Start();
  EXPECT_EQ(Ask(Trusting()), "tlsv13 alert certificate required");
  EXPECT_EQ(Failures("client_certificate_missing"), 1u);
  EXPECT_EQ(Ask(Showing(authority_.Issue())), "tlsv1 alert unknown ca");
  EXPECT_EQ(Failures("client_certificate_refused"), 1u);
  EXPECT_EQ(Ask(Showing(clients_.Issue({.begins = hours(-9), .ends = hours(-1)}))),
            "sslv3 alert certificate expired");
  EXPECT_EQ(Failures("client_certificate_expired"), 1u);
  EXPECT_THAT(Ask(Showing(clients_.Issue(
                  {.names = {"URI:spiffe://fleet/agent/db1", "DNS:db1", "IP:10.0.0.7"}}))),
              EndsWith("\r\n\r\nURI:spiffe://fleet/agent/db1\nDNS:db1\nIP:10.0.0.7\n"));
}

TEST_F(HttpTls, TakesAClientCertificateWhereItIsOptional) {
  AskForCertificates(ClientCertificates::kOptional);
  Start();
  EXPECT_THAT(Ask(Trusting()), EndsWith("\r\n\r\n"));  // nobody
  EXPECT_THAT(Ask(Showing(clients_.Issue())), EndsWith("\r\n\r\nDNS:localhost\nIP:127.0.0.1\n"));
  EXPECT_EQ(Ask(Showing(authority_.Issue())), "tlsv1 alert unknown ca");
}

TEST_F(HttpTls, CountsClientsThatDoNotTrustIt) {
  Start();
  EXPECT_EQ(Ask({.ca_pem = clients_.pem()}), "certificate verify failed");
  EXPECT_EQ(Failures("peer_refused_certificate"), 1u);
}

TEST_F(HttpTls, ShowsAReplacedCertificateToNewConnectionsOnly) {
  Start();
  TlsConnection old(server_->port(), Trusting());
  ASSERT_TRUE(old.ok()) << old.error();
  Write(clients_.Issue());  // by another authority
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (server_->Statistics().tls->reloads_total == 0 &&
         std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  EXPECT_THAT(Ask({.ca_pem = clients_.pem()}), StartsWith("HTTP/1.1 200 OK"));
  EXPECT_EQ(Ask(Trusting()), "certificate verify failed");
  ASSERT_TRUE(old.Send(kGet));
  EXPECT_THAT(old.ReceiveResponse(), StartsWith("HTTP/1.1 200 OK"));
}

TEST_F(HttpTls, ReloadsUnderLoadWithoutDroppingAConnection) {
  config_.tls.check_interval = std::chrono::hours(1);
  Start();
  constexpr int kClients = 2;
  std::atomic<bool> reloading{true};
  std::atomic<int> lost{0};
  std::atomic<int> busy{0};
  std::vector<std::jthread> threads;
  for (int i = 0; i < kClients; ++i) {
    threads.emplace_back([&] {
      TlsConnection kept(server_->port(), Trusting());
      int rounds = 0;
      do {
        if (!kept.Send(kGet) || !kept.ReceiveResponse().starts_with("HTTP/1.1 200 OK")) ++lost;
        if (!Ask(Trusting()).starts_with("HTTP/1.1 200 OK")) ++lost;
        if (++rounds == 1) ++busy;
      } while (reloading);
    });
  }
  while (busy < kClients) std::this_thread::yield();
  constexpr int kReloads = 6;
  for (int i = 0; i < kReloads; ++i) {
    Write(authority_.Issue());
    const shared::Result<void> reloaded = server_->ReloadTls();
    EXPECT_TRUE(reloaded) << reloaded.error().message;
  }
  reloading = false;
  threads.clear();
  EXPECT_EQ(lost, 0);
  EXPECT_EQ(server_->Statistics().tls->reloads_total, kReloads);
  EXPECT_TRUE(server_->Statistics().handshake_failures.empty());
}

TEST_F(HttpTls, DoesNotStartWithoutItsCertificate) {
  config_.tls.cert_file = directory_ / "absent.pem";
  Server server(config_);
  const shared::Result<void> started = server.Start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().message, config_.tls.cert_file + ": open " + config_.tls.cert_file +
                                         ": No such file or directory");
}

// The client that agents ship with.
class HttpTlsAgent : public HttpTls {
 protected:
  [[nodiscard]] std::string Send(const shared::http::TlsConfig& tls,
                                 const std::string& host = "localhost") const {
    auto client = shared::http::Client::Create({.tls = tls});
    if (!client) return client.error().message;
    const std::string url = "https://" + host + ":" + std::to_string(server_->port()) + "/who";
    const auto response = client->Send({.url = url});
    if (response) return std::to_string(response->status) + " " + response->body;
    EXPECT_THAT(response.error().message, StartsWith("GET " + url + ": "));
    return response.error().message.substr(6 + url.size());
  }
  std::string File(const std::string& name, const std::string& text) {
    tests::ReplaceFile(directory_ / name, text);
    return directory_ / name;
  }
};

TEST_F(HttpTlsAgent, TrustsThePinnedAuthorityAlone) {
  Write(authority_.Issue({.names = {"DNS:localhost"}}));
  Start();
  const std::string right = File("ca.pem", authority_.pem());
  EXPECT_EQ(Send({.ca_file = right}), "200 ");
  constexpr const char* kRefused =
      "SSL certificate problem: unable to get local issuer certificate";
  EXPECT_EQ(Send({.ca_file = File("other.pem", clients_.pem())}), kRefused);
  EXPECT_EQ(Send({}), kRefused);  // the system's authorities
  EXPECT_EQ(Send({.ca_file = right}, "127.0.0.1"),
            "SSL: no alternative certificate subject name matches target host name '127.0.0.1'");
  EXPECT_EQ(Send({.ca_file = right, .verify_name = false}, "127.0.0.1"), "200 ");
  EXPECT_EQ(Send({.ca_file = config_.tls.cert_file}), "200 ");  // the certificate itself
}

TEST_F(HttpTlsAgent, RefusesAnExpiredCertificate) {
  Write(authority_.Issue({.begins = hours(-48), .ends = hours(-24)}));
  Start();
  EXPECT_EQ(Send({.ca_file = File("ca.pem", authority_.pem())}),
            "SSL certificate problem: certificate has expired");
  EXPECT_EQ(Failures("peer_refused_certificate"), 1u);
}

TEST_F(HttpTlsAgent, ShowsItsCertificateWhereOneIsRequired) {
  AskForCertificates(ClientCertificates::kRequired);
  Start();
  const std::string ca = File("ca.pem", authority_.pem());
  EXPECT_THAT(Send({.ca_file = ca}), HasSubstr("alert certificate required"));
  const Issued mine = clients_.Issue({.names = {"DNS:db1"}});
  EXPECT_EQ(Send({.ca_file = ca,
                  .cert_file = File("mine.pem", mine.cert_pem),
                  .key_file = File("mine.key", mine.key_pem)}),
            "200 DNS:db1\n");
}

}  // namespace
}  // namespace collector::http
