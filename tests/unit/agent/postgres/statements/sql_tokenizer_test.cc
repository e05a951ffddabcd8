#include "agent/postgres/statements/sql_tokenizer.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "shared/text/utf8.h"

namespace agent::postgres::statements {
namespace {

using namespace std::string_literals;

void ExpectRedacted(std::string_view sql, std::string_view expected) {
  EXPECT_EQ(RedactSql(sql).text, expected) << sql;
}

TEST(RedactSql, ReplacesEveryKindOfString) {
  ExpectRedacted("SELECT 'a', 'it''s', ''", "SELECT $1, $2, $3");
  ExpectRedacted(R"(SELECT E'a\'b', e'\\', 'z')", "SELECT $1, $2, $3");
  ExpectRedacted("SELECT B'01', x'ff', N'n', U&'d\\0061t', u&'x'", "SELECT $1, $2, $3, $4, $5");
  ExpectRedacted("SELECT $$a'b$$, $q$ $$ $x$ $q$, 'z'", "SELECT $1, $2, $3");
  ExpectRedacted("SELECT 'a'\n  'b'", "SELECT $1 $2");
}

TEST(RedactSql, ReplacesEveryKindOfNumber) {
  ExpectRedacted("SELECT 1, 1.5, .5, 1., 1e10, 1.5E-3, 0x1F, 1_000, -7",
                 "SELECT $1, $2, $3, $4, $5, $6, $7, $8, -$9");
  ExpectRedacted("SELECT 123abc, 1e-3x", "SELECT $1, $2");
  ExpectRedacted("a=1AND b=2", "a=$1 b=$2");  // glued to a number: part of it
  ExpectRedacted("SELECT 1'x'2, 'a'b, $'x'", "SELECT $1 $2 $3, $4 b, $ $5");
}

TEST(RedactSql, NumbersAfterTheParametersThatAreThere) {
  ExpectRedacted("SELECT $1, 5, $3, 'x'", "SELECT $1, $4, $3, $5");
  ExpectRedacted("SELECT $4111111111111111", "SELECT $1");
  ExpectRedacted("SELECT $65535, $65536", "SELECT $65535, $65536");  // the second one is new
}

TEST(RedactSql, KeepsIdentifiers) {
  ExpectRedacted("SELECT t1.a$2, \"Odd \"\"name\"\" 5\", U&\"d\\0061t\" FROM größe2",
                 "SELECT t1.a$2, \"Odd \"\"name\"\" 5\", U&\"d\\0061t\" FROM größe2");
  ExpectRedacted("SELECT name'x'", "SELECT name $1");
}

TEST(RedactSql, KeepsTheSizesOfTypes) {
  ExpectRedacted(
      "SELECT a::varchar(10), CAST(b AS NUMERIC ( 12, 2 )), c::timestamp(3) with time zone",
      "SELECT a::varchar(10), CAST(b AS NUMERIC ( 12, 2 )), c::timestamp(3) with time zone");
  ExpectRedacted("a character varying(30), f(10)", "a character varying(30), f($1)");
  ExpectRedacted("numeric(123456), numeric(1,2,3), \"char\"(65)",
                 "numeric($1), numeric($2,$3,$4), \"char\"($5)");
}

TEST(RedactSql, DropsCommentsAndCollapsesSpace) {
  ExpectRedacted("  SELECT\n\t1 -- user 'joe'\n , /* a /* 'b' */ c */ 2 ; ; ", "SELECT $1 , $2");
  ExpectRedacted("SELECT/**/1", "SELECT $1");
  ExpectRedacted("/* only */", "");
  ExpectRedacted("SELECT 5 /* open 'secret'", "SELECT $1");
}

TEST(RedactSql, LetsAnUnfinishedStringReachToTheEnd) {
  for (const char* open : {"'", "E'", "$$", "$tag$", "\"", "U&'"}) {
    ExpectRedacted("SELECT a, "s + open + "secret", "SELECT a, $1");
  }
  ExpectRedacted("SELECT E'secret\\", "SELECT $1");
}

TEST(RedactSql, GivesUpTheRestWhereABackslashMakesAStringAmbiguous) {
  ExpectRedacted(R"(SELECT 'it\'s secret', a)", "SELECT $1");
  ExpectRedacted(R"(SELECT 'C:\' , 'secret')", "SELECT $1");
  ExpectRedacted(R"(SELECT 'a\\', a, 'b\n')", "SELECT $1, a, $2");
}

TEST(RedactSql, HidesThePasswordsOfUtilityStatements) {
  ExpectRedacted("ALTER ROLE joe WITH LOGIN PASSWORD 'hunter2' VALID UNTIL '2027-01-01';",
                 "ALTER ROLE joe WITH LOGIN PASSWORD $1 VALID UNTIL $2");
  ExpectRedacted("CREATE USER MAPPING FOR u SERVER s OPTIONS (password 'hunter2')",
                 "CREATE USER MAPPING FOR u SERVER s OPTIONS (password $1)");
  ExpectRedacted("CREATE SUBSCRIPTION s CONNECTION 'password=hunter2' PUBLICATION p",
                 "CREATE SUBSCRIPTION s CONNECTION $1 PUBLICATION p");
}

TEST(RedactSql, MeasuresNesting) {
  EXPECT_EQ(RedactSql("SELECT 1").nesting, 0u);
  EXPECT_EQ(RedactSql("SELECT ((a[1])), (b)").nesting, 3u);
  EXPECT_EQ(RedactSql(")))(").nesting, 1u);
  EXPECT_EQ(RedactSql("SELECT '((('").nesting, 0u);
}

TEST(RedactSql, GivesCleanUtf8ForAnyBytes) {
  ExpectRedacted("SELECT a\0b"s,
                 "SELECT a\xEF\xBF\xBD"
                 "b");
  ExpectRedacted("\xff\xc3'x'", "\xEF\xBF\xBD\xEF\xBF\xBD $1");
}

TEST(RedactSql, IsItsOwnFixedPoint) {
  // What went through once holds nothing more to replace.
  for (const char* sql :
       {"SELECT 'a', 5, $2, $$x$$ FROM t WHERE n::varchar(5) = '5' -- c",
        "ALTER ROLE x PASSWORD 'y'", "SELECT 'it\\'s'", "SELECT 'i't's', $Et'x'", "a=1AND b=2"}) {
    const std::string once = RedactSql(sql).text;
    ExpectRedacted(once, once);
  }
}

// Statements of random tokens with a known secret in every literal.
TEST(RedactSql, NeverLetsALiteralThrough) {
  const std::vector<std::string> pieces = {"SELECT",
                                           " ",
                                           "\n",
                                           ",",
                                           "(",
                                           ")",
                                           "a1",
                                           "\"q'q\"",
                                           "=",
                                           "||",
                                           "::int",
                                           ".",
                                           "$1",
                                           "--c'\n",
                                           "/*'*/",
                                           "'SECRET'",
                                           "E'SE\\'CRET SECRET'",
                                           "$$SECRET$$",
                                           "$x$'SECRET$$x$x$",
                                           "777777",
                                           "7.77777e+7",
                                           "'a''SECRET'",
                                           "B'777777'",
                                           "U&'SECRET'",
                                           "'SECRET\\\\'",
                                           ";",
                                           "+",
                                           "@"};
  for (uint32_t seed = 1; seed <= 20'000; ++seed) {
    std::mt19937 random(seed);
    std::string sql;
    for (size_t n = random() % 12 + 1; n > 0; --n) {
      sql += pieces[random() % pieces.size()];
      // Glued together, pieces would make other tokens than the table says.
      if (random() % 4 != 0 || sql.back() != ' ') sql += ' ';
    }
    const std::string text = RedactSql(sql).text;
    ASSERT_EQ(text.find("SECRET"), std::string::npos) << "seed " << seed << ": " << sql << "\n"
                                                      << text;
    ASSERT_EQ(text.find("777"), std::string::npos) << "seed " << seed << ": " << sql << "\n"
                                                   << text;
    ASSERT_EQ(RedactSql(text).text, text) << "seed " << seed << ": " << sql;
  }
}

TEST(RedactSql, TakesEveryTruncationOfAStatement) {
  const std::string sql = "SELECT E'a\\'b', $t$x$t$, U&\"i\", 1.5e-3, $1 /* c */ FROM \"t\" -- d\n";
  for (size_t length = 0; length <= sql.size(); ++length) {
    const std::string text = RedactSql(sql.substr(0, length)).text;
    EXPECT_TRUE(shared::text::IsCleanUtf8(text));
    EXPECT_EQ(text.find("a\\"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace agent::postgres::statements
