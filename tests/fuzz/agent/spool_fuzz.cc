// Opens a spool whose files are the input: two bytes are the size of the superblock, then come the
// superblock and one segment. It must start, hand out what it can, and take and keep new batches.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "agent/pipeline/drops.h"
#include "agent/spool/spool.h"
#include "shared/base/check.h"
#include "shared/log/log.h"
#include "tests/support/fake_clock.h"
#include "tests/support/faulty_files.h"

namespace {

void Put(tests::FaultyFiles& files, const std::string& path, std::string_view content) {
  CHECK((*files.Create(path))->WriteAt(0, content));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using agent::spool::Spool;
  shared::log::SetLevel(shared::log::Level::kError);
  if (size < 2) return 0;
  std::string_view input(reinterpret_cast<const char*>(data) + 2, size - 2);
  const size_t superblock_size = std::min(size_t{data[0]} + size_t{data[1]} * 256, input.size());
  tests::FaultyFiles files;
  Put(files, "/spool/superblock", input.substr(0, superblock_size));
  Put(files, "/spool/00000000.seg", input.substr(superblock_size));

  agent::spool::SpoolOptions options;
  options.directory = "/spool";
  options.segment_bytes = 8192;
  options.max_bytes = 4 * 8192;
  const tests::FakeClock clock;
  agent::pipeline::Drops drops;
  for (int life = 0; life < 2; ++life) {
    const auto spool = Spool::Open(options, files, clock, drops);
    CHECK(spool);
    CHECK((*spool)->Append("new", 1));
    CHECK((*spool)->Sync());
    std::string last;
    for (int batches = 0; const auto batch = (*spool)->Next(); ++batches) {
      CHECK(batches < 1000);
      last = batch->body;
      (*spool)->Acknowledge(batch->incarnation, batch->sequence);
    }
    CHECK(last == "new");
  }
  return 0;
}
