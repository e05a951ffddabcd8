#include "collector/storage/logs/file_position.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace collector::storage {
namespace {

using pgvigil::v1::LogRecord;

// Records of 100 bytes each; Chunk(b, e) is those from number b to before number e.
class Records {
 public:
  explicit Records(uint64_t count) : records_(count) {
    for (uint64_t i = 0; i < count; ++i) records_[i].set_offset(i * 100);
    for (const LogRecord& record : records_) views_.push_back(&record);
  }
  std::vector<const LogRecord*> Advance(FilePosition& position, uint64_t begin,
                                        uint64_t end) const {
    return AdvanceFile(position, begin * 100, end * 100,
                       std::span(views_).subspan(begin, end - begin));
  }

 private:
  std::vector<LogRecord> records_;
  std::vector<const LogRecord*> views_;
};

TEST(AdvanceFile, SkipsWhatIsStoredAndCountsWhatIsMissing) {
  const Records records(10);
  FilePosition position;
  EXPECT_EQ(records.Advance(position, 0, 5).size(), 5u);
  EXPECT_EQ(position.offset, 500u);
  EXPECT_EQ(records.Advance(position, 3, 7).size(), 2u);
  EXPECT_EQ(position.offset, 700u);
  EXPECT_EQ(records.Advance(position, 0, 3).size(), 0u);
  EXPECT_EQ(position.offset, 700u);
  EXPECT_EQ(position.gap_bytes, 0u);
  EXPECT_EQ(records.Advance(position, 8, 10).size(), 2u);
  EXPECT_EQ(position.offset, 1000u);
  EXPECT_EQ(position.gap_bytes, 100u);
  EXPECT_EQ(position.lines, 9u);
}

TEST(AdvanceFile, CountsNoGapBeforeTheFirstChunk) {
  const Records records(60);
  FilePosition position;
  records.Advance(position, 50, 51);
  EXPECT_EQ(position.gap_bytes, 0u);
  EXPECT_EQ(position.offset, 5100u);
  records.Advance(position, 52, 53);
  EXPECT_EQ(position.gap_bytes, 100u);
}

TEST(AdvanceFile, TakesAChunkThatWasOvertaken) {
  const Records records(60);
  FilePosition position;
  EXPECT_EQ(records.Advance(position, 20, 30).size(), 10u);
  EXPECT_EQ(records.Advance(position, 5, 10).size(), 5u);  // before the first one that came
  EXPECT_EQ(position.gap_bytes, 1000u);
  EXPECT_EQ(records.Advance(position, 8, 22).size(), 10u);
  EXPECT_EQ(position.gap_bytes, 0u);
  EXPECT_EQ(position.lines, 25u);
  EXPECT_EQ(position.offset, 3000u);
}

TEST(AdvanceFile, GivesUpTheLowestRangesAndSaysSo) {
  const Records records(200);
  FilePosition position;
  for (uint64_t i = 0; i < 70; ++i) records.Advance(position, i * 2, i * 2 + 1);
  EXPECT_EQ(position.forgotten, 500u);
  EXPECT_EQ(position.gap_bytes, 6900u);
  EXPECT_EQ(records.Advance(position, 1, 2).size(), 0u);
  EXPECT_EQ(records.Advance(position, 11, 12).size(), 1u);
}

// A file that was read in pieces more than once, by an agent that was killed; the pieces come in
// any order.
TEST(AdvanceFile, StoresEveryLineOnceInWhateverOrderChunksCome) {
  constexpr uint64_t kLines = 120;
  const Records records(kLines);
  for (uint32_t seed = 1; seed <= 300; ++seed) {
    std::mt19937 random(seed);
    std::vector<std::pair<uint64_t, uint64_t>> chunks;
    for (int reading = 0; reading < 3; ++reading) {
      for (uint64_t at = 0; at < kLines;) {
        const uint64_t end = std::min<uint64_t>(kLines, at + 1 + random() % 9);
        chunks.emplace_back(at, end);
        at = end;
      }
    }
    std::shuffle(chunks.begin(), chunks.end(), random);
    FilePosition position;
    std::map<uint64_t, int> stored;
    for (const auto& [begin, end] : chunks) {
      for (const LogRecord* record : records.Advance(position, begin, end)) {
        stored[record->offset()] += 1;
      }
      position.missing = MissingRanges::FromFlat(position.missing.Flat());
    }
    ASSERT_EQ(stored.size(), kLines) << "seed " << seed;
    for (const auto& [offset, times] : stored) ASSERT_EQ(times, 1) << "seed " << seed;
    EXPECT_EQ(position.gap_bytes, 0u) << "seed " << seed;
    EXPECT_EQ(position.lines, kLines) << "seed " << seed;
  }
}

}  // namespace
}  // namespace collector::storage
