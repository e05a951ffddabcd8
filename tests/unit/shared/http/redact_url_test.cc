#include "shared/http/redact_url.h"

#include <gtest/gtest.h>

namespace shared::http {
namespace {

TEST(RedactUrl, HidesWhereSecretsTravel) {
  const auto expect_redacted = [](std::string_view url, std::string_view redacted) {
    EXPECT_EQ(RedactUrl(url), redacted) << url;
  };
  expect_redacted("https://host:8443/v1/batches", "https://host:8443/v1/batches");
  expect_redacted("https://user:secret@host/a?key=b#c", "https://host/a?***");
  expect_redacted("https://user:p@ss@host", "https://host");
  expect_redacted("https://host?token=x", "https://host?***");
  expect_redacted("https://host/a@b?c", "https://host/a@b?***");
  expect_redacted("http://host/a#token=x?y", "http://host/a");
  expect_redacted("user:secret@host/a", "host/a");
  expect_redacted("host?next=http://secret/", "host?***");
  expect_redacted("", "");
}

}  // namespace
}  // namespace shared::http
