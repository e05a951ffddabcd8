#include "collector/http/router.h"

#include <gtest/gtest.h>

namespace {

using collector::http::Request;
using collector::http::Responder;
using collector::http::Router;

void Ignore(const Request&, const Responder&) {}

TEST(Router, TakesOnePathPartForEachName) {
  Router router;
  router.Add("GET", "/v1/{kind}/items/{id}", Ignore);
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
  router.Add("GET", "/a/fixed", Ignore);
  router.Add("GET", "/a/{any}", Ignore);
  EXPECT_EQ(router.Find("GET", {"a", "fixed"}).pattern, "/a/fixed");
  EXPECT_EQ(router.Find("GET", {"a", "other"}).pattern, "/a/{any}");
}

TEST(Router, NamesTheMethodsThatAPathAllows) {
  Router router;
  router.Add("GET", "/a", Ignore);
  router.Add("POST", "/a", Ignore);
  const Router::Match match = router.Find("DELETE", {"a"});
  EXPECT_EQ(match.handler, nullptr);
  EXPECT_EQ(match.allow, "GET, POST");
  EXPECT_EQ(router.Find("GET", {"b"}).allow, "");
}

TEST(Router, FindsTheHandlerOfGetForHead) {
  Router router;
  router.Add("GET", "/a", Ignore);
  EXPECT_NE(router.Find("HEAD", {"a"}).handler, nullptr);
}

}  // namespace
