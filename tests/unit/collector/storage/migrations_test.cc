#include "collector/storage/migrations.h"

#include <gtest/gtest.h>

namespace collector::storage {
namespace {

TEST(EmbeddedMigrations, AreNumberedFromOneWithoutHoles) {
  ASSERT_FALSE(EmbeddedMigrations().empty());
  int version = 0;
  for (const Migration& migration : EmbeddedMigrations()) {
    EXPECT_EQ(migration.version, ++version) << migration.name;
    EXPECT_NE(migration.sql.find("COMMENT ON"), std::string::npos) << migration.name;
  }
}

TEST(MigrationChecksum, DependsOnTheSqlAlone) {
  const Migration a{1, "a", "SELECT 1"};
  const Migration renamed{2, "b", "SELECT 1"};
  const Migration changed{1, "a", "SELECT 2"};
  EXPECT_EQ(MigrationChecksum(a).size(), 32u);
  EXPECT_EQ(MigrationChecksum(a), MigrationChecksum(renamed));
  EXPECT_NE(MigrationChecksum(a), MigrationChecksum(changed));
}

}  // namespace
}  // namespace collector::storage
