#include "agent/identity/agent_id.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "shared/base/file.h"
#include "shared/text/hex.h"
#include "tests/support/temporary_directory.h"

namespace {

using agent::identity::LoadOrCreateAgentId;
using tests::TemporaryDirectory;

// The id as a UUID; "" and a failed test when there is none.
std::string Id(const TemporaryDirectory& directory, std::string_view machine_id) {
  const auto id = LoadOrCreateAgentId(directory.path(), machine_id);
  if (!id) ADD_FAILURE() << id.error().message;
  return id ? shared::text::ToUuid(*id) : "";
}

std::string Content(const std::string& path) {
  return shared::ReadFile(path).value_or("cannot be read");
}

TEST(AgentId, StaysTheSameOnOneMachine) {
  const TemporaryDirectory directory;
  const std::string first = Id(directory, "machine1");
  EXPECT_EQ(Id(directory, "machine1"), first);
  EXPECT_EQ(Content(directory / "agent-id"), first + " machine1\n");
}

TEST(AgentId, IsForTheAgentsUserOnly) {
  const TemporaryDirectory directory;
  Id(directory, "machine1");
  struct stat status {};
  ASSERT_EQ(::stat((directory / "agent-id").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST(AgentId, DiffersBetweenHosts) {
  const TemporaryDirectory one;
  const TemporaryDirectory other;
  EXPECT_NE(Id(one, "machine1"), Id(other, "machine1"));
}

TEST(AgentId, IsAnotherOnAClonedMachine) {
  const TemporaryDirectory directory;
  const std::string first = Id(directory, "machine1");
  const std::string cloned = Id(directory, "machine2");
  EXPECT_NE(first, cloned);
  EXPECT_EQ(Id(directory, "machine2"), cloned);
}

TEST(AgentId, OutlivesAMachineIdThatComesAndGoes) {
  const TemporaryDirectory directory;
  const std::string first = Id(directory, "");
  EXPECT_EQ(Content(directory / "agent-id"), first + " -\n");
  EXPECT_EQ(Id(directory, "machine1"), first);
  EXPECT_EQ(Id(directory, ""), first);
  EXPECT_EQ(Content(directory / "agent-id"), first + " machine1\n");
}

TEST(AgentId, StartsAnewFromADamagedFileAndKeepsIt) {
  const std::string huge(5000, 'x');
  for (const std::string& text : {std::string(), std::string("\n"),
                                  std::string("not-an-id machine1\n"), std::string("00 machine1\n"),
                                  std::string("2f1c7a04-9a3e-4f0b-8f4b-6a1d6f1f1c52\n"), huge}) {
    const TemporaryDirectory directory;
    const std::string path = directory / "agent-id";
    ASSERT_TRUE(shared::WriteFileDurably(path, text));
    const std::string id = Id(directory, "machine1");
    EXPECT_EQ(Content(path + ".damaged"), text);
    EXPECT_EQ(Id(directory, "machine1"), id);
  }
}

TEST(AgentId, SaysWhyItCannotBeKept) {
  const auto id = LoadOrCreateAgentId("/nonexistent", "m");
  ASSERT_FALSE(id);
  EXPECT_EQ(id.error().message, "create /nonexistent/agent-id.tmp: No such file or directory");
}

}  // namespace
