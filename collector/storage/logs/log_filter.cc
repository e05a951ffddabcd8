#include "collector/storage/logs/log_filter.h"

#include <cstring>

#include "collector/storage/logs/log_needle.h"

namespace collector::storage {
namespace {

constexpr uint32_t kWarn = 13;
constexpr uint32_t kMostSevere = 24;

bool Contains(std::string_view text, std::string_view part) {
  return part.empty() || memmem(text.data(), text.size(), part.data(), part.size()) != nullptr;
}

}  // namespace

bool EventsSuffice(const api::LogQuery& query) {
  // Rows know neither words nor templates.
  if (query.word || query.pattern) return false;
  return query.min_severity >= kWarn ||
         (query.sqlstate && !query.sqlstate->empty() && !query.sqlstate->starts_with("00"));
}

uint32_t SeverityMask(uint32_t min_severity) {
  constexpr uint32_t kAll = (1U << (kMostSevere + 1)) - 1;
  return min_severity > kMostSevere ? 0 : kAll & ~((1U << min_severity) - 1);
}

bool MayMatch(std::string_view block_content, const api::LogQuery& query) {
  return Contains(block_content, query.contains.value_or("")) &&
         Contains(block_content, query.word.value_or("")) &&
         Contains(block_content, query.sqlstate.value_or("")) &&
         Contains(block_content, query.database.value_or(""));
}

bool Matches(const pgvigil::v1::LogRecord& record, const api::LogQuery& query) {
  if (record.severity_number() < query.min_severity) return false;
  if (query.sqlstate && record.sqlstate() != *query.sqlstate) return false;
  if (query.database && record.database() != *query.database) return false;
  if (query.word && !HasNeedle(record.body(), {*query.word, true})) return false;
  return !query.contains || Contains(record.body(), *query.contains);
}

std::string_view LogSource(int format) {
  switch (format) {
    case pgvigil::v1::LOG_FORMAT_POSTGRES_JSON:
    case pgvigil::v1::LOG_FORMAT_POSTGRES_STDERR:
      return "postgres";
    case pgvigil::v1::LOG_FORMAT_SYSLOG_FILE:
      return "syslog";
    case pgvigil::v1::LOG_FORMAT_OTLP:
      return "otlp";
    default:
      return "";
  }
}

std::string_view SourceFormats(std::string_view source) {
  if (source == "postgres") return "IN (1, 2)";
  if (source == "syslog") return "IN (3)";
  return "NOT IN (1, 2, 3)";
}

std::vector<std::pair<std::string, std::string>> LogFields(const pgvigil::v1::LogRecord& record) {
  std::vector<std::pair<std::string, std::string>> out;
  const auto text = [&](const char* name, const std::string& value) {
    if (!value.empty()) out.emplace_back(name, value);
  };
  const auto number = [&](const char* name, auto value) {
    if (value != 0) out.emplace_back(name, std::to_string(value));
  };
  text("sqlstate", record.sqlstate());
  number("pid", record.pid());
  text("database", record.database());
  text("user", record.user());
  text("application_name", record.application_name());
  text("client", record.client());
  number("query_id", record.query_id());
  text("session_id", record.session_id());
  number("line_num", record.line_num());
  text("backend_type", record.backend_type());
  text("detail", record.detail());
  text("hint", record.hint());
  text("context", record.context());
  text("statement", record.statement());
  text("host_name", record.host_name());
  text("program", record.program());
  if (record.truncated()) out.emplace_back("truncated", "true");
  if (record.sanitised()) out.emplace_back("sanitised", "true");
  for (const auto& attribute : record.attributes())
    text(attribute.name().c_str(), attribute.value());
  return out;
}

}  // namespace collector::storage
