#include "collector/ingest/foreign/otlp_proto_fault.h"

#include <fmt/format.h>

#include <cstdint>
#include <optional>

namespace collector::ingest::foreign {
namespace {

std::optional<uint64_t> TakeVarint(std::string_view bytes, size_t& position) {
  uint64_t value = 0;
  for (int shift = 0; shift < 64 && position < bytes.size(); shift += 7) {
    const auto byte = static_cast<uint8_t>(bytes[position++]);
    value |= uint64_t{byte & 0x7fu} << shift;
    if ((byte & 0x80) == 0) return value;
  }
  return std::nullopt;
}

}  // namespace

std::string FindProtoFault(std::string_view bytes) {
  size_t position = 0;
  while (position < bytes.size()) {
    const size_t begin = position;
    const std::optional<uint64_t> tag = TakeVarint(bytes, position);
    if (!tag || *tag >> 3 == 0 || *tag >> 32 != 0) {
      return fmt::format("byte {}: expected a field's tag", begin);
    }
    std::optional<uint64_t> length;
    switch (*tag & 7) {
      case 0:
        if (!TakeVarint(bytes, position)) {
          return fmt::format("byte {}: a varint without its end", begin);
        }
        continue;
      case 1:
        length = 8;
        break;
      case 2:
        length = TakeVarint(bytes, position);
        break;
      case 5:
        length = 4;
        break;
      default:
        return fmt::format("byte {}: wire type {}, which OTLP has not", begin, *tag & 7);
    }
    if (!length || *length > bytes.size() - position) {
      return fmt::format("byte {}: field {} has {} bytes where {} are left", begin, *tag >> 3,
                         length.value_or(0), bytes.size() - position);
    }
    position += *length;
  }
  return {};
}

}  // namespace collector::ingest::foreign
