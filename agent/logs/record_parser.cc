#include "agent/logs/record_parser.h"

#include <algorithm>
#include <limits>

#include "shared/text/utf8.h"

namespace agent::logs {

void AppendText(std::string_view bytes, std::string& field, pgvigil::v1::LogRecord& record) {
  if (shared::text::AppendCleanUtf8(bytes, field)) record.set_sanitised(true);
}

void SetAttribute(std::string_view name, std::string_view value, pgvigil::v1::LogRecord& record) {
  constexpr size_t kLimit = 4096;  // of pgvigil.v1.Attribute
  std::string clean;
  AppendText(value, clean, record);
  pgvigil::v1::Attribute& attribute = *record.add_attributes();
  attribute.set_name(std::string(name));
  attribute.set_value(std::string(shared::text::TruncateUtf8(clean, kLimit)));
}

pgvigil::v1::LogRecord BeginRecord(const Line& line) {
  pgvigil::v1::LogRecord record;
  record.set_offset(line.offset);
  record.set_length(
      static_cast<uint32_t>(std::min<uint64_t>(line.length, std::numeric_limits<uint32_t>::max())));
  record.set_truncated(line.cut);
  return record;
}

void AddUnparsed(const Line& line, pgvigil::v1::LogChunk& out) {
  pgvigil::v1::LogRecord& record = *out.add_records();
  record = BeginRecord(line);
  AppendText(line.text, *record.mutable_body(), record);
  out.set_unparsed_records(out.unparsed_records() + 1);
}

std::string ClientName(std::string_view host, std::string_view port) {
  std::string out(host);
  if (port.empty() || host.empty()) return out;
  if (host.find(':') != std::string_view::npos) out = "[" + out + "]";
  out.push_back(':');
  out.append(port);
  return out;
}

}  // namespace agent::logs
