#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/logs/record_parser.h"
#include "shared/base/file.h"

namespace tests {

// Feeds a whole text to a parser, line by line, as TailFile would; ends it.
inline pgvigil::v1::LogChunk ParseLines(agent::logs::RecordParser& parser, std::string_view text) {
  pgvigil::v1::LogChunk out;
  uint64_t offset = 0;
  while (offset < text.size()) {
    const size_t end = text.find('\n', offset);
    const size_t size = end == std::string_view::npos ? text.size() - offset : end - offset;
    agent::logs::Line line;
    line.offset = offset;
    line.length = size + (end == std::string_view::npos ? 0 : 1);
    line.text = text.substr(offset, size);
    parser.Add(line, out);
    offset += line.length;
  }
  parser.Flush(out);
  return out;
}

inline std::string Fixture(std::string_view name) {
  const auto text = shared::ReadFile(std::string(PGVIGIL_FIXTURES) + "/logs/" + std::string(name));
  return text ? *text : "no fixture " + std::string(name);
}

inline std::string AttributeOf(const pgvigil::v1::LogRecord& record, std::string_view name) {
  for (const auto& each : record.attributes()) {
    if (each.name() == name) return each.value();
  }
  return "";
}

}  // namespace tests
