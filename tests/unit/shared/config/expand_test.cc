#include "shared/config/expand.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>
#include <string_view>

#include "shared/base/file.h"
#include "tests/support/temporary_directory.h"

namespace shared::config {
namespace {

void Write(const std::string& path, std::string_view content, unsigned mode) {
  const Result<void> written = WriteFileDurably(path, content, mode);
  ASSERT_TRUE(written) << written.error().message;
  ASSERT_EQ(::chmod(path.c_str(), mode), 0);
}

void ExpectError(const Result<Expanded>& expanded, ErrorCode code, std::string_view message) {
  ASSERT_FALSE(expanded) << expanded->value;
  EXPECT_EQ(expanded.error().code, code);
  EXPECT_EQ(expanded.error().message, message);
}

TEST(Expand, LeavesTextWithoutReferencesAlone) {
  for (const std::string_view text : {"", "plain", "a$b", "$", "100$ off", "{env:X}", "}"}) {
    const Result<Expanded> expanded = Expand(text, {}, false);
    ASSERT_TRUE(expanded) << text;
    EXPECT_EQ(expanded->value, text);
    EXPECT_FALSE(expanded->secret);
    EXPECT_FALSE(HasReference(text)) << text;
  }
}

TEST(Expand, TwoDollarSignsAreOne) {
  const Result<Expanded> expanded = Expand("$$$${env:X}$$", {}, false);
  ASSERT_TRUE(expanded);
  EXPECT_EQ(expanded->value, "$${env:X}$");
  EXPECT_FALSE(HasReference("$${env:X}"));
  EXPECT_TRUE(HasReference("$$${env:X}"));
}

TEST(Expand, PutsInEnvironmentVariables) {
  const Environment environment = {
      {"HOST", "db1"}, {"EMPTY", ""}, {"TRICK", "${env:HOST}\"\nx = 1"}};
  const auto expect = [&](std::string_view text, std::string_view value) {
    const Result<Expanded> expanded = Expand(text, environment, false);
    ASSERT_TRUE(expanded) << text << ": " << expanded.error().message;
    EXPECT_EQ(expanded->value, value) << text;
    EXPECT_FALSE(expanded->secret);
  };
  expect("${env:HOST}", "db1");
  expect("<${env:HOST}-${env:HOST}>", "<db1-db1>");
  expect("${env:EMPTY}", "");
  expect("${env:EMPTY:-other}", "other");
  expect("${env:UNSET:-other}", "other");
  expect("${env:UNSET:-}", "");
  expect("${env:HOST:-other}", "db1");
  expect("${env:TRICK}", "${env:HOST}\"\nx = 1");  // what comes in is not searched again
}

TEST(Expand, NamesTheOrigins) {
  const Result<Expanded> expanded = Expand("${env:A}${env:B:-x}", Environment{{"A", "1"}}, false);
  ASSERT_TRUE(expanded);
  EXPECT_THAT(expanded->origins, testing::ElementsAre("env A", "default, as env B is unset"));
}

TEST(Expand, SaysWhatIsWrong) {
  ExpectError(Expand("${env:NOPE}", {}, false), ErrorCode::kNotFound,
              "environment variable NOPE is not set");
  ExpectError(Expand("${env:}", {}, false), ErrorCode::kInvalidInput, "${env:} names no variable");
  ExpectError(Expand("a ${env:X", {}, false), ErrorCode::kInvalidInput,
              "'${' has no '}'; write $$ for a dollar sign");
  for (const std::string name : {"HOME", "env", "vault:x", ""}) {
    ExpectError(Expand("${" + name + "}", {}, false), ErrorCode::kInvalidInput,
                "unknown reference '${" + name +
                    "}'; known are ${env:NAME}, ${env:NAME:-default}, ${file:/path}, "
                    "${cred:name}, and $$ for a dollar sign");
  }
}

TEST(Expand, PutsInFilesWithoutTheirLastLineBreak) {
  const tests::TemporaryDirectory directory;
  Write(directory / "value", "one\ntwo\n\n", 0644);
  Write(directory / "windows", "three\r\n", 0644);
  const Result<Expanded> expanded = Expand(
      "${file:" + directory / "value" + "}+${file:" + directory / "windows" + "}", {}, false);
  ASSERT_TRUE(expanded) << expanded.error().message;
  EXPECT_EQ(expanded->value, "one\ntwo\n+three");
  EXPECT_TRUE(expanded->secret);
  EXPECT_THAT(expanded->origins,
              testing::ElementsAre("file " + directory / "value", "file " + directory / "windows"));
}

TEST(Expand, RefusesFilesThatAreNone) {
  const tests::TemporaryDirectory directory;
  ExpectError(Expand("${file:relative}", {}, false), ErrorCode::kInvalidInput,
              "the path 'relative' must begin with /");
  ExpectError(Expand("${file:" + directory / "none" + "}", {}, false), ErrorCode::kNotFound,
              "open " + directory / "none" + ": No such file or directory");
  ExpectError(Expand("${file:" + directory.path() + "}", {}, false), ErrorCode::kInvalidInput,
              directory.path() + " is not a regular file");
  Write(directory / "large", std::string((64 << 10) + 1, 'x'), 0600);
  ExpectError(Expand("${file:" + directory / "large" + "}", {}, false),
              ErrorCode::kResourceExhausted,
              "read " + directory / "large" + ": larger than 65536 bytes");
}

TEST(Expand, PutsInCredentials) {
  const tests::TemporaryDirectory directory;
  Write(directory / "pg", "geheim\n", 0440);
  const Environment environment = {{"CREDENTIALS_DIRECTORY", directory.path()}};
  const Result<Expanded> expanded = Expand("${cred:pg}", environment, true);
  ASSERT_TRUE(expanded) << expanded.error().message;
  EXPECT_EQ(expanded->value, "geheim");
  EXPECT_TRUE(expanded->secret);
  ExpectError(Expand("${cred:none}", environment, true), ErrorCode::kNotFound,
              "open " + directory / "none" + ": No such file or directory");
  for (const std::string name : {"../pg", "", "a/b"}) {
    ExpectError(Expand("${cred:" + name + "}", environment, true), ErrorCode::kInvalidInput,
                "'" + name + "' is not the name of a credential");
  }
  ExpectError(Expand("${cred:pg}", {}, true), ErrorCode::kNotFound,
              "credential pg is not there: CREDENTIALS_DIRECTORY is not set (systemd sets it for a "
              "unit with LoadCredential=)");
}

TEST(ReadSecretFile, DemandsThatOnlyTheOwnerMayReadIt) {
  const tests::TemporaryDirectory directory;
  for (const unsigned mode : {0640u, 0604u, 0620u, 0644u, 0601u}) {
    Write(directory / "key", "geheim\n", mode);
    const Result<std::string> secret = ReadSecretFile(directory / "key", {});
    ASSERT_FALSE(secret) << mode;
    EXPECT_EQ(secret.error().code, ErrorCode::kPermissionDenied);
    EXPECT_EQ(secret.error().message,
              fmt::format("{0} is open to group or others (mode {1:04o}); run: chmod 600 {0}",
                          directory / "key", mode));
  }
  for (const unsigned mode : {0600u, 0400u}) {
    Write(directory / "key", "geheim\n", mode);
    EXPECT_EQ(ReadSecretFile(directory / "key", {}).value_or(""), "geheim") << mode;
  }
}

TEST(ReadSecretFile, TrustsTheCredentialsDirectoryButNotItsNeighbours) {
  const tests::TemporaryDirectory directory;
  ASSERT_TRUE(MakeDirectories(directory / "creds"));
  ASSERT_TRUE(MakeDirectories(directory / "creds-not"));
  const Environment environment = {{"CREDENTIALS_DIRECTORY", directory / "creds"}};
  Write(directory / "creds/key", "geheim", 0444);
  Write(directory / "creds-not/key", "geheim", 0444);
  EXPECT_TRUE(ReadSecretFile(directory / "creds/key", environment));
  EXPECT_FALSE(ReadSecretFile(directory / "creds-not/key", environment));
  EXPECT_FALSE(ReadSecretFile(directory / "creds/../creds-not/key", environment));
}

}  // namespace
}  // namespace shared::config
