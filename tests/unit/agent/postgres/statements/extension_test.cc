#include "agent/postgres/statements/extension.h"

#include <gtest/gtest.h>

namespace agent::postgres::statements {
namespace {

Extension Healthy() {
  Extension out;
  out.loaded = true;
  out.version = "1.10";
  out.available_version = "1.10";
  out.schema = "public";
  out.database = "postgres";
  out.role = "pgvigil";
  out.reads_all = true;
  out.entries_max = 5'000;
  return out;
}

TEST(ExtensionMinor, ReadsVersionsOfTheFirstMajor) {
  EXPECT_EQ(ExtensionMinor("1.8"), 8);
  EXPECT_EQ(ExtensionMinor("1.10"), 10);
  for (const char* version : {"", "1", "1.", "2.0", "1.x", "1.8.1"}) {
    EXPECT_EQ(ExtensionMinor(version), -1) << version;
  }
}

TEST(Advise, IsSilentWhenAllIsWell) {
  const Advice advice = Advise(Healthy());
  EXPECT_TRUE(advice.usable);
  EXPECT_EQ(advice.problem, "");
  EXPECT_EQ(advice.remedy, "");
}

void ExpectAdvice(const Extension& extension, bool usable, std::string_view problem,
                  std::string_view remedy) {
  const Advice advice = Advise(extension);
  EXPECT_EQ(advice.usable, usable);
  EXPECT_EQ(advice.problem, problem);
  EXPECT_EQ(advice.remedy, remedy);
}

TEST(Advise, NamesTheExactRemedy) {
  Extension extension = Healthy();
  extension.loaded = false;
  extension.preload_libraries = "auto_explain";
  ExpectAdvice(
      extension, false, "pg_stat_statements is not in shared_preload_libraries",
      "ALTER SYSTEM SET shared_preload_libraries = 'auto_explain,pg_stat_statements'; then "
      "restart PostgreSQL");

  extension = Healthy();
  extension.version = "";
  extension.database = "my db";
  ExpectAdvice(extension, false,
               "the extension pg_stat_statements is not created in database \"my db\"",
               "in database \"my db\": CREATE EXTENSION pg_stat_statements");

  extension = Healthy();
  extension.enters_schema = false;
  extension.schema = "stats";
  ExpectAdvice(extension, false,
               "role \"pgvigil\" may not use schema \"stats\", where pg_stat_statements lives",
               "in database \"postgres\": GRANT USAGE ON SCHEMA \"stats\" TO \"pgvigil\"");

  extension = Healthy();
  extension.version = "1.7";
  ExpectAdvice(extension, false, "pg_stat_statements 1.7 is older than 1.8",
               "in database \"postgres\": ALTER EXTENSION pg_stat_statements UPDATE");

  extension = Healthy();
  extension.reads_all = false;
  ExpectAdvice(extension, true, "role \"pgvigil\" sees only its own statements",
               "GRANT pg_monitor TO \"pgvigil\"");

  extension = Healthy();
  extension.version = "1.8";
  ExpectAdvice(extension, true, "pg_stat_statements 1.8 is older than the installed 1.10",
               "in database \"postgres\": ALTER EXTENSION pg_stat_statements UPDATE");

  extension = Healthy();
  extension.computes_query_id = false;
  ExpectAdvice(extension, true, "compute_query_id is off: nothing is counted",
               "ALTER SYSTEM SET compute_query_id = 'auto'; SELECT pg_reload_conf()");

  extension = Healthy();
  extension.tracks = false;
  ExpectAdvice(extension, true, "pg_stat_statements.track is none: nothing is counted",
               "ALTER SYSTEM SET pg_stat_statements.track = 'top'; SELECT pg_reload_conf()");
}

}  // namespace
}  // namespace agent::postgres::statements
