#include "agent/spool/quarantine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/faulty_files.h"

namespace agent::spool {
namespace {

TEST(Quarantine, NamesItsFilesByBatchAndReason) {
  tests::FaultyFiles files;
  Quarantine quarantine(files, "/q", 1000);
  quarantine.Keep(Name{7, 42}, "http_400 ../x", "bytes");
  EXPECT_THAT(files.Paths(),
              testing::ElementsAre("/q/00000000000000000007-00000000000000000042-http_400____x"));
  EXPECT_EQ(*files.Content(files.Paths()[0]), "bytes");
}

TEST(Quarantine, RemovesTheOldestBeyondItsCap) {
  tests::FaultyFiles files;
  Quarantine quarantine(files, "/q", 1000);
  for (uint64_t sequence = 1; sequence <= 5; ++sequence) {
    quarantine.Keep(Name{7, sequence}, "x", std::string(400, 'a'));
  }
  quarantine.Keep(Name{7, 6}, "x", std::string(1001, 'a'));
  EXPECT_THAT(files.Paths(),
              testing::ElementsAre("/q/00000000000000000007-00000000000000000004-x",
                                   "/q/00000000000000000007-00000000000000000005-x"));
}

}  // namespace
}  // namespace agent::spool
