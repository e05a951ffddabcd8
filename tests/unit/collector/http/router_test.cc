#include "collector/http/router.h"

#include <gtest/gtest.h>

namespace {

using collector::http::Request;
using collector::http::Responder;
using collector::http::Router;

void Ignore(const Request&, const Responder&) {}

TEST(Router, TakesOnePathPartForEachName) {
  Router router;
  router.Add("GET", "/v1/{kind}/items/{id}", std::nullopt, Ignore);
  const Router::Match match = router.Find("GET", {"v1", "logs", "items", "{id}"});
  ASSERT_NE(match.handler, nullptr);
  EXPECT_EQ(match.path_parameters.at("kind"), "logs");
  EXPECT_EQ(match.path_parameters.at("id"), "{id}");
  EXPECT_EQ(match.pattern, "/v1/{kind}/items/{id}");
  EXPECT_EQ(router.Find("GET", {"v1", "logs", "items"}).handler, nullptr);
  EXPECT_EQ(router.Find("GET", {"v1", "logs", "items", "1", "2"}).handler, nullptr);
}

TEST(Router, PrefersTheRouteThatWasAddedFirst) {
  Router router;
  router.Add("GET", "/a/fixed", std::nullopt, Ignore);
  router.Add("GET", "/a/{any}", std::nullopt, Ignore);
  EXPECT_EQ(router.Find("GET", {"a", "fixed"}).pattern, "/a/fixed");
  EXPECT_EQ(router.Find("GET", {"a", "other"}).pattern, "/a/{any}");
}

TEST(Router, NamesTheMethodsThatAPathAllows) {
  Router router;
  router.Add("GET", "/a", std::nullopt, Ignore);
  router.Add("POST", "/a", std::nullopt, Ignore);
  const Router::Match match = router.Find("DELETE", {"a"});
  EXPECT_EQ(match.handler, nullptr);
  EXPECT_EQ(match.allow, "GET, POST");
  EXPECT_EQ(router.Find("GET", {"b"}).allow, "");
}

TEST(Router, FindsTheHandlerOfGetForHead) {
  Router router;
  router.Add("GET", "/a", std::nullopt, Ignore);
  EXPECT_NE(router.Find("HEAD", {"a"}).handler, nullptr);
}

}  // namespace
