// Compaction on a disk that is full: a small tmpfs, which wants root.
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "tests/integration/collector/storage/chunk_world.h"

namespace tests {
namespace {

constexpr int64_t kMinute = 60 * kNanosPerSecond;

// The chunks' partitions are on a disk of their own.
class DiskFullTest : public ChunkWorld {
 protected:
  void SetUp() override {
    ChunkWorld::SetUp();
    disk_ = server_.socket_directory() + "/disk";
    struct stat data {};
    ASSERT_EQ(::stat(server_.data_directory().c_str(), &data), 0);
    ASSERT_EQ(::mkdir(disk_.c_str(), 0755), 0);
    const std::string options = fmt::format("size=2m,mode=0700,uid={}", data.st_uid);
    ASSERT_EQ(::mount("tmpfs", disk_.c_str(), "tmpfs", 0, options.c_str()), 0)
        << "mount: " << std::strerror(errno);
    mounted_ = true;
    Do("CREATE TABLESPACE small LOCATION '" + disk_ + "'");
  }
  void TearDown() override {
    if (!mounted_) return;
    server_.Stop();
    EXPECT_EQ(::umount(disk_.c_str()), 0) << std::strerror(errno);
  }

  // What compaction makes is made there, and nothing else.
  shared::Result<void> CompactThere() {
    Do("SET default_tablespace = small");
    shared::Result<void> done = Compact();
    Do("RESET default_tablespace");
    return done;
  }
  void Fill() {
    std::ofstream file(disk_ + "/ballast", std::ios::binary);
    const std::string some(4096, 'x');
    while (file.write(some.data(), static_cast<std::streamsize>(some.size())).flush()) {
    }
  }
  void Empty() { ASSERT_EQ(::unlink((disk_ + "/ballast").c_str()), 0); }

  std::string disk_;
  bool mounted_ = false;
};

TEST_F(DiskFullTest, LosesNothingAndGoesOnWhenThereIsRoom) {
  for (int minute = 0; minute < 50; minute += 5) {
    for (int layout = 1; layout <= 6; ++layout) {
      AddBlock(layout, kWorldStart + minute * kMinute, 10 * kNanosPerSecond, 30);
    }
  }
  now_ = kWorldStart + 15 * kMinute;
  ASSERT_TRUE(CompactThere());
  const SampleSet before = ReadChunks();
  ASSERT_FALSE(before.empty());
  ASSERT_EQ(Ask("SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname LIKE 'chunk\\_%'"
                " AND reltablespace = 0"),
            "0");
  Fill();
  now_ = kWorldStart + 120 * kMinute;
  const auto full = CompactThere();
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, shared::ErrorCode::kResourceExhausted) << full.error().message;
  // What was there is there; blocks, which are elsewhere, are still taken.
  SampleSet now = ReadChunks();
  for (const auto& [key, bits] : before) EXPECT_EQ(now[key], bits);
  EXPECT_TRUE(AddBlock(1, kWorldStart + 55 * kMinute, 10 * kNanosPerSecond, 30));
  EXPECT_EQ(ReadBlocks(), truth_);
  ASSERT_FALSE(CompactThere());
  Empty();
  const auto done = CompactThere();
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(ReadChunks(), truth_);
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.chunk WHERE span = 10"), "0");
}

}  // namespace
}  // namespace tests
