#include "agent/postgres/statements/baseline.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "shared/base/file.h"
#include "tests/unit/agent/postgres/statements/model_server.h"
#include "tests/unit/agent/postgres/statements/temporary_directory.h"

namespace agent::postgres::statements {
namespace {

constexpr ServerId kServer{7'000'000'000'000'000'001, 5432};

Reading SomeReading(uint32_t calls = 3) {
  ModelServer server(11, 100, calls);
  for (uint32_t i = 0; i < calls; ++i) server.Execute({.dbid = 5, .userid = 10, .queryid = i % 4});
  Reading reading = server.Read();
  reading.set_hidden(2);
  return reading;
}

void ExpectEqual(const Reading& a, const Reading& b) {
  EXPECT_EQ(a.epoch(), b.epoch());
  EXPECT_EQ(a.extension(), b.extension());
  EXPECT_EQ(a.hidden(), b.hidden());
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a.key(i), b.key(i));
    EXPECT_EQ(a.counters(i), b.counters(i));
    EXPECT_EQ(a.stats_since(i), b.stats_since(i));
  }
}

TEST(BaselineCodec, GivesBackWhatItTook) {
  for (const uint32_t calls : {0u, 1u, 50u}) {
    const Reading reading = SomeReading(calls);
    const auto decoded =
        BaselineCodec::Decode(BaselineCodec::Encode(kServer, {12, 34}, 56, reading));
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(decoded->server, kServer);
    EXPECT_EQ(decoded->mark, (SpoolMark{12, 34}));
    EXPECT_EQ(decoded->generation, 56u);
    ExpectEqual(decoded->reading, reading);
  }
}

TEST(BaselineCodec, RefusesEveryTruncationAndEveryFlippedByte) {
  const std::string bytes = BaselineCodec::Encode(kServer, {12, 34}, 56, SomeReading(9));
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(BaselineCodec::Decode(std::string_view(bytes).substr(0, length))) << length;
  }
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x40);
    EXPECT_FALSE(BaselineCodec::Decode(damaged)) << at;
  }
  EXPECT_FALSE(BaselineCodec::Decode(bytes + bytes));
}

TEST(BaselineCodec, SaysWhatIsWrong) {
  const auto expect_error = [](std::string_view bytes, std::string_view message) {
    const auto decoded = BaselineCodec::Decode(bytes);
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().message, message);
  };
  std::string bytes = BaselineCodec::Encode(kServer, {12, 34}, 56, SomeReading());
  expect_error("", "baseline: 0 bytes, shorter than a header");
  expect_error(std::string(200, 'x'), "baseline: does not begin with PGVSTMT1");
  bytes[50] = static_cast<char>(bytes[50] ^ 1);
  expect_error(bytes, "baseline: checksum differs");
  bytes[8] = 2;
  expect_error(bytes, "baseline: format 2 is not known");
}

class BaselineFilesTest : public ::testing::Test {
 protected:
  [[nodiscard]] BaselineFiles Files(const ServerId& server = kServer) const {
    return {directory_.path(), server};
  }
  [[nodiscard]] std::string Path(int slot) const {
    return directory_.path() + "/7000000000000000001-5432." + std::to_string(slot);
  }
  void ExpectNewest(const SpoolMark& mark, const Reading& reading) const {
    BaselineFiles files = Files();
    const std::optional<Baseline> newest = files.Load();
    ASSERT_TRUE(newest);
    EXPECT_EQ(newest->mark, mark);
    ExpectEqual(newest->reading, reading);
  }
  TemporaryDirectory directory_;
};

TEST_F(BaselineFilesTest, HaveNoneAtFirst) {
  EXPECT_FALSE(Files().Load());
}

TEST_F(BaselineFilesTest, GiveTheNewest) {
  BaselineFiles files = Files();
  for (uint64_t sequence = 1; sequence <= 5; ++sequence) {
    const Reading reading = SomeReading(static_cast<uint32_t>(sequence));
    ASSERT_TRUE(files.Write(reading, {9, sequence}));
    ExpectNewest({9, sequence}, reading);
  }
}

TEST_F(BaselineFilesTest, IgnoreAnotherServersBaseline) {
  ASSERT_TRUE(Files().Write(SomeReading(), {9, 1}));
  EXPECT_FALSE(Files({kServer.system_identifier, 5433}).Load());
  std::filesystem::copy(Path(0), directory_.path() + "/7000000000000000002-5432.0");
  EXPECT_FALSE(Files({kServer.system_identifier + 1, 5432}).Load());
}

TEST_F(BaselineFilesTest, FallBackToTheOtherWhenOneIsDamaged) {
  BaselineFiles files = Files();
  ASSERT_TRUE(files.Write(SomeReading(1), {9, 1}));
  ASSERT_TRUE(files.Write(SomeReading(2), {9, 2}));
  ASSERT_TRUE(shared::WriteFileDurably(Path(1), "damaged"));
  ExpectNewest({9, 1}, SomeReading(1));
  // And go on beside it.
  BaselineFiles again = Files();
  ASSERT_TRUE(again.Load());
  ASSERT_TRUE(again.Write(SomeReading(3), {9, 2}));
  ExpectNewest({9, 2}, SomeReading(3));
  ASSERT_TRUE(SettleBaselines(directory_.path(), {9, 1}));
  ExpectNewest({9, 1}, SomeReading(1));
}

TEST_F(BaselineFilesTest, KeepTheOneBeforeTheBatchWhenTwoReadingsGoWithIt) {
  BaselineFiles files = Files();
  ASSERT_TRUE(files.Write(SomeReading(1), {9, 1}));
  ASSERT_TRUE(files.Write(SomeReading(2), {9, 2}));
  ASSERT_TRUE(files.Write(SomeReading(3), {9, 2}));
  ExpectNewest({9, 2}, SomeReading(3));
  ASSERT_TRUE(SettleBaselines(directory_.path(), {9, 1}));
  ExpectNewest({9, 1}, SomeReading(1));
}

TEST_F(BaselineFilesTest, SettleRemovesOnlyWhatNeverReachedThisSpool) {
  BaselineFiles files = Files();
  ASSERT_TRUE(files.Write(SomeReading(1), {9, 1}));
  ASSERT_TRUE(files.Write(SomeReading(2), {9, 2}));
  ASSERT_TRUE(SettleBaselines(directory_.path(), {9, 2}));
  ExpectNewest({9, 2}, SomeReading(2));
  ASSERT_TRUE(SettleBaselines(directory_.path(), {10, 0}));  // another spool: it cannot tell
  ExpectNewest({9, 2}, SomeReading(2));
  ASSERT_TRUE(SettleBaselines(directory_.path(), {9, 1}));
  ExpectNewest({9, 1}, SomeReading(1));
  EXPECT_TRUE(SettleBaselines(directory_.path() + "/none", {9, 1}));
}

TEST_F(BaselineFilesTest, SettleKeepsABaselineThatNoBatchGoesWith) {
  ASSERT_TRUE(Files().Write(SomeReading(1), {}));
  ASSERT_TRUE(SettleBaselines(directory_.path(), {0, 0}));
  ExpectNewest({}, SomeReading(1));
}

TEST_F(BaselineFilesTest, SayWhatCannotBeWritten) {
  BaselineFiles files("/nonexistent", kServer);
  const shared::Result<void> written = files.Write(SomeReading(), {});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, shared::ErrorCode::kNotFound);
}

}  // namespace
}  // namespace agent::postgres::statements
