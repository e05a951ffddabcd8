#include "agent/postgres/statements/normalise.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace agent::postgres::statements {
namespace {

using namespace std::string_literals;

TEST(Normalise, GivesTheSameStatementTheSameFingerprintWhereverItWasSeen) {
  const NormalisedStatement from_view = Normalise("SELECT a FROM t WHERE b = $1 AND c IN ($2, $3)");
  const NormalisedStatement from_log =
      Normalise("select a from t\n where b = 'x' and c in (1, 2, 3) -- app;\n;");
  EXPECT_TRUE(from_view.parsed);
  EXPECT_TRUE(from_log.parsed);
  EXPECT_EQ(from_view.fingerprint, from_log.fingerprint);
  EXPECT_EQ(from_log.text, "select a from t where b = $1 and c in ($2, $3, $4)");
  EXPECT_NE(from_view.fingerprint, Normalise("SELECT a FROM t WHERE b = $1").fingerprint);
}

TEST(Normalise, KnowsTheGrammarsFingerprints) {
  // Stable over versions of the library: stored fingerprints rely on it.
  EXPECT_EQ(Normalise("SELECT 1").fingerprint, 0x50fde20626009abaULL);
}

TEST(Normalise, DoesNotLetAPasswordIntoTheFingerprint) {
  const NormalisedStatement one = Normalise("ALTER ROLE joe PASSWORD 'hunter2'");
  const NormalisedStatement other = Normalise("ALTER ROLE joe PASSWORD 'correct horse'");
  EXPECT_EQ(one.text, "ALTER ROLE joe PASSWORD $1");
  EXPECT_EQ(one.fingerprint, other.fingerprint);
}

TEST(Normalise, FallsBackWhereTheGrammarRefuses) {
  const NormalisedStatement cut = Normalise("SELECT a FROM t WHERE (b = 'x");
  EXPECT_FALSE(cut.parsed);
  EXPECT_EQ(cut.text, "SELECT a FROM t WHERE (b = $1");
  EXPECT_EQ(cut.fingerprint, Normalise("SELECT a  FROM t WHERE (b = 'other").fingerprint);
  // XXH3-64 of nothing, from xxHash's test vectors.
  EXPECT_FALSE(Normalise("").parsed);
  EXPECT_EQ(Normalise("").fingerprint, 0x2D06800538D394C2ULL);
}

TEST(Normalise, KeepsLargeAndDeepTextsFromTheParser) {
  const std::string deep =
      "SELECT " + std::string(kParsedNesting + 1, '(') + "a" + std::string(kParsedNesting + 1, ')');
  EXPECT_FALSE(Normalise(deep).parsed);
  EXPECT_TRUE(Normalise("SELECT ((((a))))").parsed);
  std::string large = "SELECT a";
  while (large.size() <= kParsedBytes) large += ", a";
  EXPECT_FALSE(Normalise(large).parsed);
  EXPECT_EQ(Normalise(large).text, large);
  EXPECT_FALSE(Normalise(std::string(1 << 20, '(')).parsed);
  EXPECT_FALSE(Normalise("'" + std::string(1 << 20, 'x')).parsed);
}

TEST(Normalise, SurvivesDeepExpressionsWithinTheLimits) {
  for (const std::string& step :
       {"+1"s, "::a"s, "[1]"s, " UNION SELECT 1"s, " AND NOT b"s, " || c"s}) {
    std::string sql = "SELECT a";
    while (sql.size() + step.size() <= kParsedBytes) sql += step;
    Normalise(sql);
  }
  std::string sql = "SELECT ";
  while (sql.size() < kParsedBytes - 8) sql += "NOT ";
  EXPECT_FALSE(Normalise(sql + "a").text.empty());
}

TEST(Normalise, TakesAnyBytes) {
  EXPECT_EQ(Normalise("SELECT 'a\0b', c\xff"s).text, "SELECT $1, c\xEF\xBF\xBD");
  EXPECT_EQ(Normalise("\0\0"s).text, "\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(Normalise, WorksOnManyThreadsAtOnce) {
  const uint64_t expected = Normalise("SELECT a FROM t WHERE b = 1").fingerprint;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([expected] {
      for (int n = 0; n < 500; ++n) {
        EXPECT_EQ(Normalise("SELECT a FROM t WHERE b = " + std::to_string(n)).fingerprint,
                  expected);
        EXPECT_FALSE(Normalise("SELECT a FROM").parsed);
      }
    });
  }
}

}  // namespace
}  // namespace agent::postgres::statements
