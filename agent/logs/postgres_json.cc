#include "agent/logs/postgres_json.h"

#include <simdjson.h>

#include <utility>

#include "agent/logs/postgres_time.h"
#include "agent/logs/severity.h"
#include "shared/text/cursor.h"
#include "shared/text/utf8.h"

namespace agent::logs {
namespace {

using Record = pgvigil::v1::LogRecord;

// Strings that go into a field as they are.
constexpr std::pair<std::string_view, std::string* (Record::*)()> kStrings[] = {
    {"user", &Record::mutable_user},
    {"dbname", &Record::mutable_database},
    {"session_id", &Record::mutable_session_id},
    {"error_severity", &Record::mutable_severity_text},
    {"state_code", &Record::mutable_sqlstate},
    {"message", &Record::mutable_body},
    {"detail", &Record::mutable_detail},
    {"hint", &Record::mutable_hint},
    {"context", &Record::mutable_context},
    {"statement", &Record::mutable_statement},
    {"application_name", &Record::mutable_application_name},
    {"backend_type", &Record::mutable_backend_type}};

// What goes into an attribute, when it is not 0.
constexpr std::pair<std::string_view, std::string_view> kAttributes[] = {
    {"ps", "postgresql.ps"},
    {"session_start", "postgresql.session_start"},
    {"vxid", "postgresql.vxid"},
    {"txid", "postgresql.txid"},
    {"leader_pid", "postgresql.leader_pid"},
    {"internal_query", "postgresql.internal_query"},
    {"internal_position", "postgresql.internal_position"},
    {"cursor_position", "postgresql.cursor_position"},
    {"func_name", "code.function.name"},
    {"file_name", "code.file.path"},
    {"file_line_num", "code.line.number"}};

// A flat object has depth 1; simdjson needs room for the values.
constexpr size_t kMaxDepth = 4;

}  // namespace

struct PostgresJsonParser::Impl {
  Impl(TimeZone zone, const Redactor& the_redactor)
      : time(std::move(zone)), redactor(the_redactor) {}

  // False: the text is no object, or breaks off.
  bool Parse(std::string_view text, Record& record);
  void Member(std::string_view key, simdjson::dom::element value, Record& record);

  PostgresTime time;
  const Redactor& redactor;
  // The document parser, not the lazy one: only it picks the instruction set when the program runs.
  simdjson::dom::parser parser;
  std::string padded;
  std::string host;
  std::string port;
};

PostgresJsonParser::PostgresJsonParser(TimeZone zone, const Redactor& redactor)
    : impl_(std::make_unique<Impl>(std::move(zone), redactor)) {}
PostgresJsonParser::~PostgresJsonParser() = default;

void PostgresJsonParser::Impl::Member(std::string_view key, simdjson::dom::element value,
                                      Record& record) {
  std::string_view text;
  std::string digits;
  int64_t number = 0;
  if (value.get_string().get(text) != simdjson::SUCCESS) {
    if (value.get_int64().get(number) != simdjson::SUCCESS) return;
    digits = fmt::format("{}", number);
    text = digits;
  }
  using shared::text::ParseNumber;
  if (key == "timestamp") {
    std::string_view rest = text;
    const std::optional<int64_t> nanos = time.TakeLocal(rest, true);
    if (nanos) record.set_time_unix_nano(static_cast<uint64_t>(*nanos));
    return;
  }
  if (key == "pid") return record.set_pid(ParseNumber<uint32_t>(text).value_or(0));
  if (key == "line_num") return record.set_line_num(ParseNumber<uint64_t>(text).value_or(0));
  if (key == "query_id") return record.set_query_id(ParseNumber<int64_t>(text).value_or(0));
  if (key == "remote_host") {
    host = text;
    return;
  }
  if (key == "remote_port") {
    port = text;
    return;
  }
  for (const auto& [name, field] : kStrings) {
    if (name != key) continue;
    std::string& target = *(record.*field)();
    target.clear();
    return AppendText(text, target, record);
  }
  for (const auto& [name, attribute] : kAttributes) {
    if (name != key || text.empty() || text == "0") continue;
    if (name == "internal_query") return SetAttribute(attribute, redactor.Statement(text), record);
    return SetAttribute(attribute, text, record);
  }
}

bool PostgresJsonParser::Impl::Parse(std::string_view text, Record& record) {
  host.clear();
  port.clear();
  padded.assign(text);
  padded.resize(text.size() + simdjson::SIMDJSON_PADDING, ' ');
  if (parser.capacity() < text.size() || parser.max_depth() != kMaxDepth) {
    const size_t capacity = std::max<size_t>(text.size() + text.size() / 2, size_t{16} * 1024);
    if (parser.allocate(capacity, kMaxDepth) != simdjson::SUCCESS) return false;
  }
  simdjson::dom::object object;
  if (parser.parse(padded.data(), text.size(), false).get_object().get(object) !=
      simdjson::SUCCESS) {
    return false;
  }
  for (const auto& [key, value] : object) Member(key, value, record);
  return !record.severity_text().empty();
}

void PostgresJsonParser::Add(const Line& line, pgvigil::v1::LogChunk& out) {
  if (line.text.empty()) return;
  Record record = BeginRecord(line);
  // simdjson refuses invalid UTF-8, which a SQL_ASCII database logs freely.
  const bool clean = shared::text::IsCleanUtf8(line.text);
  std::string repaired;
  if (!clean) repaired = shared::text::CleanUtf8(line.text);
  if (line.cut) repaired = CloseCutObject(clean ? line.text : std::string_view(repaired));
  const bool parsed = impl_->Parse(clean && !line.cut ? line.text : repaired, record);
  if (!clean) record.set_sanitised(true);
  if (!parsed) {
    AddUnparsed(line, out);
    impl_->redactor.RedactPostgres(*out.mutable_records(out.records_size() - 1));
    return;
  }
  AppendText(ClientName(impl_->host, impl_->port), *record.mutable_client(), record);
  record.set_severity_number(PostgresSeverity(record.severity_text()));
  impl_->redactor.RedactPostgres(record);
  *out.add_records() = std::move(record);
}

std::string CloseCutObject(std::string_view cut) {
  bool in_string = false;
  bool is_value = false;    // behind the colon of a member
  size_t escape_start = 0;  // of the escape that may be cut
  size_t escape_left = 0;   // bytes of it still to come
  size_t member_end = 0;    // behind the last whole member
  for (size_t i = 0; i < cut.size(); ++i) {
    const char c = cut[i];
    if (escape_left > 0) {
      escape_left = c == 'u' && i == escape_start + 1 ? 4 : escape_left - 1;
      continue;
    }
    if (in_string) {
      if (c == '\\') {
        escape_start = i;
        escape_left = 1;
      } else if (c == '"') {
        in_string = false;
      }
      continue;
    }
    if (c == '"') in_string = true;
    if (c == ':') is_value = true;
    if (c == ',') {
      is_value = false;
      member_end = i;
    }
  }
  if (in_string && is_value) {
    std::string out(cut.substr(0, escape_left > 0 ? escape_start : cut.size()));
    // A half of a surrogate pair would make the whole string invalid.
    const size_t tail = out.rfind("\\u");
    if (tail != std::string::npos && tail + 6 == out.size() &&
        (out[tail + 2] == 'd' || out[tail + 2] == 'D') &&
        std::string_view("89abAB").find(out[tail + 3]) != std::string_view::npos) {
      out.resize(tail);
    }
    return out + "\"}";
  }
  return std::string(cut.substr(0, member_end)) + "}";
}

}  // namespace agent::logs
