// Any bytes are a checkpoint slot or are refused; what is accepted is encoded to the same bytes.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "agent/logs/checkpoint.h"
#include "agent/logs/time_zone.h"
#include "shared/base/check.h"
#include "shared/wire/checksum.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string slot(reinterpret_cast<const char*>(data), size);
  if (const auto zone = agent::logs::TimeZone::Parse(slot)) {
    static_cast<void>(zone->ToUtc(1'785'585'600));
    static_cast<void>(zone->ToUtc(-4'000'000'000'000));
    static_cast<void>(zone->OffsetOf("CET"));
  }
  // The checksum would keep the fuzzer out: make it right.
  if (slot.size() >= 32) {
    slot.replace(0, 8, "pgvtail1");
    const auto length = static_cast<uint32_t>(slot.size() - 32);
    for (size_t i = 0; i < 4; ++i) slot[16 + i] = static_cast<char>(length >> (8 * i));
    for (size_t i = 20; i < 24; ++i) slot[i] = 0;
    const uint64_t sum =
        shared::wire::Checksum(slot.substr(0, 24) + slot.substr(32), 0x316c696174766770);
    for (size_t i = 0; i < 8; ++i) slot[24 + i] = static_cast<char>(sum >> (8 * i));
  }
  const auto decoded = agent::logs::DecodeSlot(slot);
  if (!decoded) return 0;
  const auto again = agent::logs::EncodeSlot(decoded->state, decoded->generation);
  if (again) CHECK(agent::logs::DecodeSlot(*again)->state == decoded->state);
  return 0;
}
