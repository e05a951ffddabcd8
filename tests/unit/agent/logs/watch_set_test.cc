#include "agent/logs/watch_set.h"

#include <gtest/gtest.h>

#include "agent/logs/directory_watch.h"
#include "tests/unit/agent/logs/log_world.h"

namespace {

using agent::logs::BelongsTo;
using agent::logs::CurrentLogFile;
using agent::logs::LocatePostgres;
using agent::logs::LocateResult;
using agent::logs::LogLocation;
using agent::postgres::LogSettings;

LogSettings Settings(const tests::ScratchDirectory& directory, std::string_view destination) {
  LogSettings out;
  out.data_directory = directory.path();
  out.log_destination = destination;
  out.logging_collector = true;
  out.log_directory = "log";
  out.log_filename = "postgresql-%Y.log";
  std::filesystem::create_directories(directory / "log");
  return out;
}

TEST(LocatePostgres, PrefersJsonAndFindsTheCurrentFile) {
  const tests::ScratchDirectory directory;
  tests::AppendTo(directory / "current_logfiles",
                  "stderr log/postgresql-1.log\njsonlog log/postgresql-1.json\n");
  const LocateResult both = LocatePostgres(Settings(directory, "stderr, jsonlog"));
  ASSERT_TRUE(both.location) << both.problem;
  EXPECT_EQ(both.location->format, pgvigil::v1::LOG_FORMAT_POSTGRES_JSON);
  EXPECT_EQ(both.location->current, directory / "log/postgresql-1.json");
  const LocateResult plain = LocatePostgres(Settings(directory, "stderr"));
  ASSERT_TRUE(plain.location);
  EXPECT_EQ(plain.location->current, directory / "log/postgresql-1.log");
}

TEST(LocatePostgres, SaysWhatHelps) {
  const tests::ScratchDirectory directory;
  const LocateResult csv = LocatePostgres(Settings(directory, "csvlog"));
  EXPECT_FALSE(csv.location);
  EXPECT_EQ(csv.problem, "log_destination = 'csvlog' is not one that the agent reads");
  EXPECT_EQ(csv.remedy,
            "log_destination = 'jsonlog' in postgresql.conf ('stderr' before version 15), reload");
  LogSettings off = Settings(directory, "stderr");
  off.logging_collector = false;
  EXPECT_EQ(LocatePostgres(off).remedy,
            "logging_collector = on in postgresql.conf, then restart PostgreSQL");
  LogSettings hidden = Settings(directory, "stderr");
  hidden.log_directory = "";
  EXPECT_EQ(LocatePostgres(hidden).remedy, "GRANT pg_read_all_settings TO <the agent's role>");
  LogSettings gone = Settings(directory, "stderr");
  gone.log_directory = "/nonexistent";
  EXPECT_EQ(LocatePostgres(gone).problem, "open /nonexistent: No such file or directory");
}

TEST(LocatePostgres, FindsDebiansFileWithoutACollector) {
  const tests::ScratchDirectory directory;
  std::filesystem::create_directories(directory / "var/log/postgresql");
  tests::AppendTo(directory / "var/log/postgresql/postgresql-15-main.log", "");
  LogSettings settings;
  settings.data_directory = "/var/lib/postgresql/15/main";
  settings.log_destination = "stderr";
  const LocateResult found = LocatePostgres(settings, directory.path());
  ASSERT_TRUE(found.location) << found.problem;
  EXPECT_EQ(found.location->current, directory / "var/log/postgresql/postgresql-15-main.log");
  EXPECT_TRUE(BelongsTo(*found.location, "postgresql-15-main.log.1"));
  EXPECT_FALSE(BelongsTo(*found.location, "postgresql-14-main.log"));
}

TEST(BelongsTo, KeepsFormatsAndCompressedFilesApart) {
  LogLocation json{"/l", pgvigil::v1::LOG_FORMAT_POSTGRES_JSON, "", "postgresql-", ".json"};
  LogLocation plain{"/l", pgvigil::v1::LOG_FORMAT_POSTGRES_STDERR, "", "postgresql-", ""};
  LogLocation syslog{"/l", pgvigil::v1::LOG_FORMAT_SYSLOG_FILE, "/l/syslog", "syslog", ""};
  const auto expect = [](const LogLocation& location, std::string_view name, bool belongs) {
    EXPECT_EQ(BelongsTo(location, name), belongs) << name;
  };
  expect(json, "postgresql-1.json", true);
  expect(json, "postgresql-1.json.1", true);
  expect(json, "postgresql-1.json.1.gz", false);
  expect(json, "postgresql-1.log", false);
  expect(json, "other.json", false);
  expect(plain, "postgresql-1.log", true);
  expect(plain, "postgresql-1", true);
  expect(plain, "postgresql-1.csv", false);
  expect(plain, "postgresql-1.json", false);
  expect(syslog, "syslog", true);
  expect(syslog, "syslog.1", true);
  expect(syslog, "syslog-20261121", true);
  expect(syslog, "syslog.2.gz", false);
  expect(syslog, "syslog.conf", false);
  expect(syslog, "syslogger", false);
}

TEST(CurrentLogFile, TakesTheLineOfTheKind) {
  EXPECT_EQ(CurrentLogFile("stderr a b.log\njsonlog c\n", "stderr"), "a b.log");
  EXPECT_EQ(CurrentLogFile("stderr a\njsonlog c", "jsonlog"), "c");
  EXPECT_EQ(CurrentLogFile("stderr\njsonlog \n", "jsonlog"), std::nullopt);
  EXPECT_EQ(CurrentLogFile("", "jsonlog"), std::nullopt);
}

TEST(DirectoryWatch, TellsOfNewFilesAndNotOfWrites) {
  const tests::ScratchDirectory directory;
  agent::logs::DirectoryWatch watch;
  watch.Set({directory.path()});
  EXPECT_FALSE(watch.TakeChanged());
  tests::AppendTo(directory / "x", "");
  EXPECT_TRUE(watch.TakeChanged());
  tests::AppendTo(directory / "x", "more");
  EXPECT_FALSE(watch.TakeChanged());
  std::filesystem::rename(directory / "x", directory / "y");
  EXPECT_TRUE(watch.TakeChanged());
  watch.Set({});
  EXPECT_TRUE(watch.TakeChanged());  // the kernel says that the watch is gone
  std::filesystem::remove(directory / "y");
  EXPECT_FALSE(watch.TakeChanged());
}

}  // namespace
