#include "collector/storage/statement_columns.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <string>

#include "collector/api/telemetry_reader.h"

namespace collector::storage {
namespace {

TEST(StatementColumns, HaveExactlyOneFieldEach) {
  for (const StatementColumn& column : kStatementColumns) {
    EXPECT_NE(column.count == nullptr, column.time == nullptr) << column.name;
  }
}

TEST(StatementColumns, HoldEveryCounterOfTheApi) {
  for (const std::string& name : api::StatementCounters()) {
    EXPECT_TRUE(std::any_of(std::begin(kStatementColumns), std::end(kStatementColumns),
                            [&](const StatementColumn& column) { return column.name == name; }))
        << name;
  }
}

}  // namespace
}  // namespace collector::storage
