#pragma once

#include <string>
#include <vector>

#include "collector/ingest/foreign/decode_foreign.h"

// What a decoded record holds, as lines that a test can compare.
namespace tests {

// 2026-01-01, the time at which records are decoded here.
inline constexpr int64_t kForeignNow = 1'767'225'600'000'000'000;

// A record of topic "t", partition 3, offset 7, one second old.
collector::ingest::foreign::ForeignRecord MakeRecord(std::string_view value);

// Every point that is not absent, block by block, decoded: time is in nanoseconds since
// kForeignNow, stale markers are left out.
//   "host.name=db1 | disk.used By gauge {disk=sda} -1000000000 12.5"
// A layout or block that the store would refuse fails the test.
std::vector<std::string> PointLines(const collector::ingest::foreign::ForeignDecoded& decoded);

// "label_limit 2 'x'": reason, items, example.
std::vector<std::string> RefusalLines(const collector::ingest::foreign::ForeignDecoded& decoded);

}  // namespace tests
