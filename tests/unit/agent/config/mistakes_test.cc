#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "agent/config/agent_config.h"
#include "shared/base/file.h"

namespace agent::config {
namespace {

constexpr std::string_view kDirectory = PGVIGIL_FIXTURES "/config/mistakes/";

// The problems of the fixture, with paths below its directory.
std::string Reported() {
  const auto loaded = LoadAgentConfig(std::string(kDirectory) + "agent.toml", {});
  std::string out = loaded.problems.ToText();
  for (size_t at = out.find(kDirectory); at != std::string::npos; at = out.find(kDirectory, at)) {
    out.erase(at, kDirectory.size());
  }
  return out;
}

// When this fails because a message became better: copy what it prints to expected.txt, and read it
// as somebody would who knows nothing but that message.
TEST(ConfigMistakes, AreAllReportedInOneRunWordForWord) {
  const shared::Result<std::string> expected =
      shared::ReadFile(std::string(kDirectory) + "expected.txt");
  ASSERT_TRUE(expected) << expected.error().message;
  EXPECT_EQ(Reported(), *expected);
}

TEST(ConfigMistakes, ShowNoSecret) {
  EXPECT_EQ(Reported().find("geheim"), std::string::npos);
  EXPECT_EQ(Reported().find("12345"), std::string::npos);
}

}  // namespace
}  // namespace agent::config
