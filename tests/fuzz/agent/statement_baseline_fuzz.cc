// Any bytes as a baseline file: refused, or read and written back the same. The checksum is put
// right first, or nothing would ever get behind it.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "agent/postgres/statements/baseline.h"
#include "agent/postgres/statements/delta.h"
#include "shared/base/check.h"
#include "shared/wire/checksum.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  namespace statements = agent::postgres::statements;
  std::string file(bytes, bytes + size);
  (void)statements::BaselineCodec::Decode(file);
  if (file.size() < 8) return 0;
  const uint64_t checksum =
      shared::wire::Checksum(std::string_view(file).substr(0, file.size() - 8), 0x62617365);
  std::memcpy(file.data() + file.size() - 8, &checksum, 8);
  const auto baseline = statements::BaselineCodec::Decode(file);
  if (!baseline) return 0;
  // Every entry can be read, and compared with itself.
  uint64_t grown = 0;
  statements::Diff(baseline->reading, baseline->reading,
                   [&](const statements::EntryDelta&) { grown += 1; });
  const std::string again = statements::BaselineCodec::Encode(
      baseline->server, baseline->mark, baseline->generation, baseline->reading);
  const auto twice = statements::BaselineCodec::Decode(again);
  CHECK(twice && twice->reading.size() == baseline->reading.size());
  return 0;
}
