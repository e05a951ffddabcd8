#include "tests/fuzz/collector/foreign_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tests::FuzzForeign(data, size, collector::ingest::foreign::ForeignEncoding::kOtlpJson);
  return 0;
}
