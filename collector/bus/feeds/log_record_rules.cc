#include "collector/bus/feeds/log_record_rules.h"

#include <string>

#include "shared/text/utf8.h"

namespace collector::bus {

bool IsPostgresLog(const pgvigil::v1::LogChunk& chunk) {
  return chunk.file().format() == pgvigil::v1::LOG_FORMAT_POSTGRES_JSON ||
         chunk.file().format() == pgvigil::v1::LOG_FORMAT_POSTGRES_STDERR;
}

pgvigil::v1::LogRecord CutTexts(const pgvigil::v1::LogRecord& record, size_t text_bytes) {
  pgvigil::v1::LogRecord out = record;
  const auto cut = [text_bytes](std::string* text) {
    text->resize(shared::text::TruncateUtf8(*text, text_bytes).size());
  };
  cut(out.mutable_body());
  cut(out.mutable_detail());
  cut(out.mutable_hint());
  cut(out.mutable_context());
  cut(out.mutable_statement());
  for (pgvigil::v1::Attribute& attribute : *out.mutable_attributes()) {
    cut(attribute.mutable_value());
  }
  out.set_truncated(true);
  return out;
}

}  // namespace collector::bus
