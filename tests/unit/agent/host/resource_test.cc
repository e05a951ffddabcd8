#include "agent/host/resource.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/temporary_directory.h"

namespace agent::host {
namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;

TEST(ParseOsRelease, PrefersThePrettyNameAndUnquotes) {
  EXPECT_EQ(ParseOsRelease("NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"),
            "Debian GNU/Linux 12 (bookworm)");
  EXPECT_EQ(ParseOsRelease("# PRETTY_NAME=no\nPRETTY_NAME='It\"s'\n"), "It\"s");
  EXPECT_EQ(ParseOsRelease("PRETTY_NAME=\"a \\\"b\\\" \\$c\"\n"), "a \"b\" $c");
  EXPECT_EQ(ParseOsRelease("NAME=Alpine\nVERSION=\"3.19\"\n"), "Alpine 3.19");
  EXPECT_EQ(ParseOsRelease("NAME=Arch\n"), "Arch");
  EXPECT_EQ(ParseOsRelease("garbage\n"), "");
  EXPECT_EQ(ParseOsRelease("PRETTY_NAME=\""), "");
}

TEST(ArchitectureName, SpeaksOpenTelemetry) {
  EXPECT_EQ(ArchitectureName("x86_64"), "amd64");
  EXPECT_EQ(ArchitectureName("aarch64"), "arm64");
  EXPECT_EQ(ArchitectureName("riscv64"), "riscv64");
}

std::vector<std::string> Lines(const pgvigil::v1::Resource& resource) {
  std::vector<std::string> out;
  for (const auto& attribute : resource.attributes()) {
    out.push_back(attribute.name() + "=" + attribute.value());
  }
  return out;
}

TEST(ReadHostResource, HasSortedAttributes) {
  const tests::TemporaryDirectory etc;
  std::ofstream(etc / "machine-id") << "0123456789abcdef0123456789abcdef\n";
  std::ofstream(etc / "os-release") << "PRETTY_NAME=\"Ubuntu 22.04.4 LTS\"\n";
  const auto resource = ReadHostResource({PGVIGIL_FIXTURES "/proc/5.15-aarch64", etc.path()});
  EXPECT_THAT(Lines(resource),
              ElementsAre(StartsWith("host.arch="), "host.id=0123456789abcdef0123456789abcdef",
                          "host.name=db3.example.com", "os.description=Ubuntu 22.04.4 LTS",
                          "os.kernel.release=5.15.0-91-generic", "os.type=linux"));
}

TEST(ReadHostResource, LeavesOutWhatItCannotRead) {
  EXPECT_THAT(Lines(ReadHostResource({"/nonexistent", "/nonexistent"})),
              ElementsAre(StartsWith("host.arch="), "os.type=linux"));
}

}  // namespace
}  // namespace agent::host
