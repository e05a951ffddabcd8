#include "agent/doctor/log_check.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/temporary_directory.h"

namespace agent::doctor {
namespace {

using logs::LocateResult;
using logs::LogLocation;
using pgvigil::v1::Capability;
using pgvigil::v1::LOG_FORMAT_POSTGRES_JSON;
using pgvigil::v1::LOG_FORMAT_SYSLOG_FILE;

LocateResult Found(const std::string& directory, std::string current = {}) {
  LocateResult found;
  found.location =
      LogLocation{directory, LOG_FORMAT_POSTGRES_JSON, std::move(current), "postgresql-", ".json"};
  return found;
}

TEST(CheckLog, NamesTheNewestFileThatItOpened) {
  const tests::TemporaryDirectory directory;
  std::ofstream(directory / "postgresql-1.json") << "{}\n";
  const Capability found = CheckLog("logs:main", Found(directory.path()));
  EXPECT_EQ(found.name(), "logs:main");
  EXPECT_EQ(found.state(), Capability::STATE_OK) << found.detail();
  EXPECT_EQ(found.detail(), directory / "postgresql-1.json");
}

TEST(CheckLog, FailsWithoutAFile) {
  const tests::TemporaryDirectory directory;
  Capability found = CheckLog("logs:main", Found(directory.path()));
  EXPECT_EQ(found.state(), Capability::STATE_FAILED);
  EXPECT_EQ(found.detail(), "no log file in " + directory.path());
  EXPECT_EQ(found.remedy(), "SELECT pg_rotate_logfile(); makes the server begin a new log file");
  const std::string current = directory / "postgresql-2.json";
  found = CheckLog("logs:main", Found(directory.path(), current));
  EXPECT_EQ(found.detail(), "open " + current + ": No such file or directory");
}

TEST(CheckLog, PassesOnWhyNothingWasLocated) {
  LocateResult located;
  located.problem = "logging_collector is off";
  located.remedy = "logging_collector = on";
  const Capability found = CheckLog("logs:main", located);
  EXPECT_EQ(found.state(), Capability::STATE_FAILED);
  EXPECT_EQ(found.detail(), "logging_collector is off");
  EXPECT_EQ(found.remedy(), "logging_collector = on");
}

TEST(ReadRemedy, BeginsWithTheWritersModeWhenTheGroupMayNotRead) {
  LogLocation location;
  location.format = LOG_FORMAT_POSTGRES_JSON;
  EXPECT_EQ(ReadRemedy(location, true, "adm", "pgvigil"),
            "usermod -aG adm pgvigil, then restart the agent");
  EXPECT_EQ(ReadRemedy(location, false, "postgres", "pgvigil"),
            "log_file_mode = 0640 in postgresql.conf, SELECT pg_reload_conf(), SELECT "
            "pg_rotate_logfile(); usermod -aG postgres pgvigil, then restart the agent");
  location.format = LOG_FORMAT_SYSLOG_FILE;
  EXPECT_EQ(ReadRemedy(location, false, "adm", "pgvigil"),
            "let the syslog daemon make its files with mode 0640 (rsyslog: $FileCreateMode 0640); "
            "usermod -aG adm pgvigil, then restart the agent");
}

}  // namespace
}  // namespace agent::doctor
