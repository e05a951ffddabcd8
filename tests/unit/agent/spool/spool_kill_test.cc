// A real process on a real disk, killed at random moments.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <random>

#include "agent/pipeline/drops.h"
#include "agent/spool/spool.h"

namespace agent::spool {
namespace {

struct TemporaryDirectory {
  TemporaryDirectory() {
    char name[] = "/tmp/pgvigil-spool-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path); }
  std::string path;
};

SpoolOptions OptionsIn(const std::string& directory) {
  SpoolOptions options;
  options.directory = directory;
  options.segment_bytes = 64 << 10;
  options.max_bytes = 64 << 20;
  options.sync_bytes = 8 << 10;
  return options;
}

std::string PayloadOf(uint64_t sequence) {
  return std::string(sequence * 37 % 2000, static_cast<char>('a' + sequence % 26)) +
         std::to_string(sequence);
}

// The child: appends and delivers until it is killed, and says on the pipe what was appended.
[[noreturn]] void AppendForEver(const std::string& directory, int report) {
  DiskFiles files;
  shared::SystemClock clock;
  pipeline::Drops drops;
  auto spool = Spool::Open(OptionsIn(directory), files, clock, drops);
  if (!spool) _exit(3);
  for (;;) {
    const uint64_t next = (*spool)->next_sequence();
    const Result<uint64_t> sequence = (*spool)->Append(PayloadOf(next), 1);
    if (!sequence || *sequence != next) _exit(4);
    if (::write(report, &next, sizeof next) != sizeof next) _exit(5);
    if (next % 3 != 0) continue;
    if (const auto batch = (*spool)->Next()) {
      if (batch->body != PayloadOf(batch->sequence)) _exit(6);
      (*spool)->Acknowledge(batch->incarnation, batch->sequence);
    }
  }
}

TEST(SpoolKill, LosesNoAppendedBatchWhenTheProcessIsKilledAtAnyMoment) {
  const TemporaryDirectory directory;
  std::mt19937 random(7);
  uint64_t appended = 0;
  for (int round = 0; round < 40; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) AppendForEver(directory.path, ends[1]);
    ::close(ends[1]);
    // Kill after a random number of reports: the moment within the next append is the kernel's
    // luck.
    const int reports = 1 + static_cast<int>(random() % 120);
    uint64_t sequence = 0;
    for (int i = 0; i<reports&& ::read(ends[0], &sequence, sizeof sequence)> 0; ++i) {
      appended = sequence;
    }
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child gave up: " << WEXITSTATUS(status);
    while (::read(ends[0], &sequence, sizeof sequence) > 0) appended = sequence;
    ::close(ends[0]);

    DiskFiles files;
    const shared::SystemClock clock;
    pipeline::Drops drops;
    auto spool = Spool::Open(OptionsIn(directory.path), files, clock, drops);
    ASSERT_TRUE(spool) << spool.error().message;
    ASSERT_GE((*spool)->last_sequence(), appended) << "round " << round;
    const auto batch = (*spool)->Next();
    if (!batch) continue;
    EXPECT_EQ(batch->body, PayloadOf(batch->sequence));
  }

  DiskFiles files;
  const shared::SystemClock clock;
  pipeline::Drops drops;
  auto spool = Spool::Open(OptionsIn(directory.path), files, clock, drops);
  ASSERT_TRUE(spool);
  uint64_t expected = 0;
  while (const auto batch = (*spool)->Next()) {
    if (expected != 0) {
      ASSERT_EQ(batch->sequence, expected);
    }
    ASSERT_EQ(batch->body, PayloadOf(batch->sequence));
    (*spool)->Acknowledge(batch->incarnation, batch->sequence);
    expected = batch->sequence + 1;
  }
  EXPECT_EQ(expected, (*spool)->next_sequence());
}

}  // namespace
}  // namespace agent::spool
