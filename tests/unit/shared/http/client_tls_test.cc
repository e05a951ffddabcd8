#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "shared/http/client.h"
#include "tests/support/fake_http_server.h"

namespace shared::http {
namespace {

// Two certification authorities, each with a certificate for "localhost", made by openssl(1).
class ClientTls : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NE(::mkdtemp(directory_.data()), nullptr);
    for (const char* const name : {"one", "two"}) {
      const std::string command = fmt::format(
          "cd {0} && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
          "-keyout {1}.key -out {1}.pem -days 2 -subj /CN={1} "
          "-addext subjectAltName=DNS:localhost >openssl.log 2>&1",
          directory_, name);
      ASSERT_EQ(std::system(command.c_str()), 0) << "needs openssl: apt-get install openssl";
    }
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] std::string File(const std::string& name) const { return directory_ + "/" + name; }
  [[nodiscard]] std::unique_ptr<tests::FakeHttpServer> Serve(const std::string& client_ca = "") {
    return std::make_unique<tests::FakeHttpServer>(
        [](const tests::FakeRequest&) { return tests::FakeReply{.body = "safe"}; },
        tests::FakeHttpServer::Tls{File("one.pem"), File("one.key"), client_ca});
  }
  static Result<Response> Get(const std::string& url, const TlsConfig& tls) {
    Result<Client> client = Client::Create({.tls = tls});
    if (!client) return tl::make_unexpected(client.error());
    return client->Send({.url = url});
  }

  std::string directory_ = "/tmp/pgvigil-tls-XXXXXX";
};

TEST_F(ClientTls, TrustsOnlyTheCaThatWasAskedFor) {
  const auto server = Serve();
  const std::string url = server->Url("/");
  EXPECT_EQ(Get(url, {.ca_file = File("one.pem")})->body, "safe");
  const auto expect_refused = [&](const TlsConfig& tls) {
    const Result<Response> refused = Get(url, tls);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
    EXPECT_EQ(refused.error().message,
              "GET " + url + ": SSL certificate problem: self-signed certificate");
  };
  expect_refused({.ca_file = File("two.pem")});
  expect_refused({});  // the system's do not know it either
  EXPECT_EQ(Get(url, {.verify = false})->body, "safe");
}

TEST_F(ClientTls, ChecksTheHostName) {
  const auto server = Serve();
  const std::string url = fmt::format("https://127.0.0.1:{}/", server->port());
  const Result<Response> refused = Get(url, {.ca_file = File("one.pem")});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message,
            "GET " + url +
                ": SSL: no alternative certificate subject name matches target host name "
                "'127.0.0.1'");
}

TEST_F(ClientTls, ShowsItsCertificate) {
  const auto server = Serve(File("two.pem"));
  const std::string url = server->Url("/");
  EXPECT_FALSE(Get(url, {.ca_file = File("one.pem")}));
  const Result<Response> response = Get(
      url, {.ca_file = File("one.pem"), .cert_file = File("two.pem"), .key_file = File("two.key")});
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->body, "safe");
}

TEST_F(ClientTls, SaysWhichFileIsMissing) {
  const Result<Client> client = Client::Create({.tls = {.key_file = File("absent.key")}});
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(client.error().message, "open " + File("absent.key") + ": No such file or directory");
}

}  // namespace
}  // namespace shared::http
