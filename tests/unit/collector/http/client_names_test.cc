#include "collector/http/client_names.h"

#include <gtest/gtest.h>

namespace collector::http {
namespace {

TEST(ClientNames, MatchWholeNames) {
  const auto matches = [](const std::string& name, const std::string& pattern) {
    return AnyNameMatches(std::vector{name}, std::vector{pattern});
  };
  EXPECT_TRUE(matches("DNS:db1.example.net", "DNS:db1.example.net"));
  EXPECT_TRUE(matches("DNS:DB1.example.net", "DNS:db1.Example.net"));
  EXPECT_TRUE(matches("DNS:db1.example.net", "DNS:*.example.net"));
  EXPECT_TRUE(matches("URI:spiffe://fleet/agent/db1", "URI:spiffe://fleet/*/db*"));
  EXPECT_TRUE(matches("IP:10.0.0.7", "IP:10.*"));
  EXPECT_TRUE(matches("DNS:x", "*"));
  EXPECT_TRUE(matches("DNS:aaab", "DNS:*ab"));
  EXPECT_FALSE(matches("URI:spiffe://fleet/Agent", "URI:spiffe://fleet/agent"));
  EXPECT_FALSE(matches("DNS:db1.example.net.evil.org", "DNS:*.example.net"));
  EXPECT_FALSE(matches("DNS:example.net", "DNS:*.example.net"));
  EXPECT_FALSE(matches("URI:DNS:db1", "DNS:db1"));
  EXPECT_FALSE(matches("DNS:db", "DNS:db?"));
  EXPECT_FALSE(matches("DNS:db1", ""));
}

TEST(ClientNames, OneOfSeveralIsEnough) {
  EXPECT_TRUE(AnyNameMatches(std::vector<std::string>{"DNS:a", "URI:b"},
                             std::vector<std::string>{"DNS:c", "URI:*"}));
  EXPECT_FALSE(AnyNameMatches({}, std::vector<std::string>{"*"}));
  EXPECT_FALSE(AnyNameMatches(std::vector<std::string>{"DNS:a"}, {}));
}

TEST(ClientNames, GuardAHandler) {
  const auto ask = [](std::vector<std::string> patterns, std::vector<std::string> names) {
    const Handler handler =
        OnlyForClients(std::move(patterns), [](const Request&, const Responder& respond) {
          Response response;
          response.body = "let in";
          respond(std::move(response));
        });
    Request request;
    request.client_names = std::move(names);
    Response answer;
    handler(std::move(request), [&](Response response) { answer = std::move(response); });
    return answer;
  };
  EXPECT_EQ(ask({}, {}).body, "let in");
  EXPECT_EQ(ask({"DNS:*.db"}, {"DNS:a.db"}).body, "let in");
  const Response nameless = ask({"DNS:*.db"}, {});
  EXPECT_EQ(nameless.status, 403);
  EXPECT_EQ(nameless.body,
            "{\"error\":{\"code\":\"permission_denied\",\"message\":\"a client certificate with a "
            "name is needed here\"}}\n");
  EXPECT_EQ(ask({"DNS:*.db"}, {"DNS:a", "URI:b"}).body,
            "{\"error\":{\"code\":\"permission_denied\",\"message\":\"the client certificate's "
            "names may not do this: DNS:a, URI:b\"}}\n");
}

}  // namespace
}  // namespace collector::http
