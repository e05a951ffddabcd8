#include "collector/access/credential.h"

#include <gtest/gtest.h>

#include <string>

namespace collector::access {
namespace {

std::string MadeKey() {
  const auto key = MakeKey();
  EXPECT_TRUE(key);
  return key->text.Reveal();
}

TEST(ReadCredential, FindsTheKeyInEitherHeader) {
  const std::string key = MadeKey();
  for (const std::string& value : {"Bearer " + key, "bearer " + key, "BEARER  " + key + " "}) {
    const auto shown = ReadCredential(&value, nullptr);
    ASSERT_TRUE(shown && *shown) << value;
    EXPECT_EQ((*shown)->text.Reveal(), key);
  }
  const std::string bearer = "Bearer " + key;
  const auto other = ReadCredential(nullptr, &key);
  ASSERT_TRUE(other && *other);
  EXPECT_EQ((*other)->id, key.substr(4, 10));
  EXPECT_TRUE(*ReadCredential(&bearer, &key)) << "the same twice is one";
}

TEST(ReadCredential, FindsNothingWhereNothingIsShown) {
  const auto shown = ReadCredential(nullptr, nullptr);
  ASSERT_TRUE(shown);
  EXPECT_FALSE(*shown);
}

// An empty or broken credential is never as good as none.
TEST(ReadCredential, RefusesWhatIsNoKey) {
  const std::string key = MadeKey();
  const auto expect = [](const std::string* authorization, const std::string* api_key,
                         std::string_view message) {
    const auto shown = ReadCredential(authorization, api_key);
    ASSERT_FALSE(shown);
    EXPECT_EQ(shown.error().message, message);
  };
  for (const std::string& value :
       {std::string(), std::string("Basic dXNlcjpwYXNz"), key, "Bearer" + key, "Token " + key}) {
    expect(&value, nullptr, "Authorization: expected 'Bearer' and an API key");
  }
  for (const std::string& value : {std::string("Bearer"), std::string("Bearer "), "Bearer\t" + key,
                                   std::string("Bearer  \t")}) {
    EXPECT_FALSE(ReadCredential(&value, nullptr)) << value;
  }
  const std::string twice = "Bearer " + key + ", Bearer " + key;
  expect(&twice, nullptr, "Authorization: not an API key of pgvigil: 137 characters, expected 64");
  const std::string empty;
  expect(nullptr, &empty, "X-API-Key: not an API key of pgvigil: it must begin with pgv_");
  const std::string bearer = "Bearer " + key;
  const std::string other = MadeKey();
  expect(&bearer, &other, "Authorization and X-API-Key show different keys");
  expect(&bearer, &empty, "X-API-Key: not an API key of pgvigil: it must begin with pgv_");
}

}  // namespace
}  // namespace collector::access
