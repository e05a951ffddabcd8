#include "agent/logs/redact.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>

#include "agent/postgres/statements/sql_tokenizer.h"
#include "shared/text/cursor.h"

namespace agent::logs {
namespace {

constexpr auto kNpos = std::string_view::npos;
constexpr std::string_view kMask = "***";

// What stands before the quotes of a name; sorted. Words that also precede values ("value", "type
// integer:", "near", "enum mood:") are not here.
constexpr std::string_view kNouns[] = {
    "aggregate",  "attribute",  "cluster",   "collation",    "column",     "command",
    "constraint", "conversion", "cursor",    "database",     "dictionary", "directory",
    "domain",     "encoding",   "extension", "family",       "field",      "file",
    "function",   "group",      "index",     "language",     "library",    "locale",
    "member",     "method",     "module",    "operator",     "option",     "origin",
    "parameter",  "partition",  "policy",    "portal",       "procedure",  "publication",
    "relation",   "role",       "rule",      "savepoint",    "schema",     "sequence",
    "server",     "slot",       "socket",    "subscription", "table",      "tablespace",
    "timeline",   "transform",  "trigger",   "type",         "user",       "variable",
    "view",       "worker",     "wrapper"};

// Settings whose value may hold a password or a command with one.
constexpr std::string_view kSecretSettings[] = {"conninfo", "command", "passw", "secret", "key"};

// How the body of a logged statement begins: verb, perhaps a name, ": ", SQL.
constexpr std::string_view kStatementVerbs[] = {"statement: ", "execute ", "parse ", "bind "};

bool StartsWith(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

std::string Sql(std::string_view text) {
  return postgres::statements::RedactSql(text).text;
}

bool IsWordChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// The word before `at`, which must be separated from it by one space.
std::string_view WordBefore(std::string_view text, size_t at) {
  if (at == 0 || text[at - 1] != ' ') return {};
  const size_t end = at - 1;
  size_t start = end;
  while (start > 0 && IsWordChar(text[start - 1])) start -= 1;
  return text.substr(start, end - start);
}

bool IsName(std::string_view text, size_t quote) {
  const std::string_view word = WordBefore(text, quote);
  return std::find(std::begin(kNouns), std::end(kNouns), word) != std::end(kNouns);
}

// `parameter "work_mem" changed to "8MB"`: from postgresql.conf, worth keeping.
bool IsHarmlessSetting(std::string_view text, std::string_view name) {
  constexpr std::string_view kStart = "parameter \"";
  if (!StartsWith(text, kStart)) return false;
  if (text.substr(kStart.size() + name.size(), 14) != "\" changed to \"") return false;
  return std::none_of(std::begin(kSecretSettings), std::end(kSecretSettings),
                      [&](std::string_view part) { return name.find(part) != kNpos; });
}

// Where the SQL of a logged statement begins; nullopt: the body is none.
std::optional<size_t> SqlStart(std::string_view body) {
  for (const std::string_view verb : kStatementVerbs) {
    if (!StartsWith(body, verb)) continue;
    if (verb.back() == ' ' && verb[verb.size() - 2] == ':') return verb.size();
    const size_t colon = body.find(": ", verb.size());
    return colon == kNpos ? verb.size() : colon + 2;
  }
  return std::nullopt;
}

// One line of a text plan. "Seq Scan on t  (cost=…)" and what only counts stay; what follows the
// colon of anything else ("Filter: (b = 'x'::text)") is SQL.
std::string RedactPlanLine(std::string_view line) {
  constexpr std::string_view kCounts[] = {
      "Rows Removed", "Buffers:",    "Planning", "Execution Time", "Sort Method",
      "Heap ",        "Workers ",    "Worker ",  "Buckets:",       "Batches:",
      "Cache ",       "I/O Timings", "WAL:",     "JIT:",           "Query Identifier"};
  const size_t start = std::min(line.find_first_not_of(' '), line.size());
  const std::string_view text = line.substr(start);
  if (text.find("(cost=") != kNpos || text.find("(actual ") != kNpos) return MaskQuoted(line);
  for (const std::string_view count : kCounts) {
    if (StartsWith(text, count)) return std::string(line);
  }
  const size_t colon = text.find(": ");
  if (colon == kNpos) return std::string(line.substr(0, start)) + Sql(text);
  return std::string(line.substr(0, start + colon + 2)) + Sql(text.substr(colon + 2));
}

// auto_explain: "plan:\nQuery Text: select …\nSeq Scan on t  (cost=…)\n  Filter: …".
std::string RedactPlan(std::string_view plan) {
  const size_t cost = plan.find("(cost=");
  const size_t node = cost == kNpos ? kNpos : plan.rfind('\n', cost);
  if (node == kNpos) return Sql(plan);  // JSON, XML, YAML
  constexpr std::string_view kQuery = "Query Text: ";
  std::string_view query = plan.substr(0, node);
  while (!query.empty() && query.front() == '\n') query.remove_prefix(1);
  std::string out = "\n";
  if (StartsWith(query, kQuery)) {
    out += kQuery;
    query.remove_prefix(kQuery.size());
  }
  out += Sql(query);
  for (shared::text::LineCursor lines(plan.substr(node + 1)); lines.Next();) {
    out += '\n';
    out += RedactPlanLine(lines.line());
  }
  return out;
}

// "AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.t,<SQL>,<parameters>": CSV, quoted SQL.
std::string RedactAudit(std::string_view body) {
  size_t at = 0;
  for (int comma = 0; comma < 5 && at != kNpos; ++comma) at = body.find(',', at == 0 ? 0 : at + 1);
  return std::string(body.substr(0, at)) + (at == kNpos ? "" : ",") + std::string(kMask);
}

// From the first "=(" or "= (" to the last ')': the values of a key.
std::string MaskKeyValues(std::string_view text) {
  size_t open = text.find("=(");
  size_t skip = 2;
  if (const size_t spaced = text.find("= ("); spaced < open) {
    open = spaced;
    skip = 3;
  }
  const size_t close = text.rfind(')');
  if (open == kNpos || close == kNpos || close < open) return MaskQuoted(text);
  return MaskQuoted(text.substr(0, open)) + std::string(text.substr(open, skip)) +
         std::string(kMask) + MaskQuoted(text.substr(close));
}

// Splits `text` before each line for which `begins` holds.
template <typename Predicate, typename Function>
std::string MapParts(std::string_view text, Predicate begins, Function function) {
  std::string out;
  size_t start = 0;
  while (start <= text.size()) {
    size_t end = text.find('\n', start);
    while (end != kNpos && !begins(text.substr(end + 1))) end = text.find('\n', end + 1);
    out += function(text.substr(start, end == kNpos ? kNpos : end - start));
    if (end == kNpos) break;
    out += '\n';
    start = end + 1;
  }
  return out;
}

// "Process 12: update t …", a line of a deadlock's detail; the length of what precedes the SQL, or
// 0.
size_t DeadlockStatement(std::string_view line) {
  constexpr std::string_view kStart = "Process ";
  if (!StartsWith(line, kStart)) return 0;
  const size_t digits = line.find_first_not_of("0123456789", kStart.size());
  if (digits == kNpos || digits == kStart.size() || line.substr(digits, 2) != ": ") return 0;
  return digits + 2;
}

std::string RedactFrame(std::string_view frame) {
  for (const std::string_view start : {"SQL statement \"", "SQL expression \"",
                                       "PL/pgSQL assignment \"", "PL/pgSQL expression \""}) {
    if (!StartsWith(frame, start)) continue;
    const size_t close = frame.rfind('"');
    if (close < start.size()) return std::string(start) + Sql(frame.substr(start.size()));
    return std::string(start) + Sql(frame.substr(start.size(), close - start.size())) +
           std::string(frame.substr(close));
  }
  for (const std::string_view mark : {"parameters: ", "parameter ", "JSON data, line "}) {
    const size_t at = frame.find(mark);
    if (at == kNpos) continue;
    const size_t value = frame.find_first_of(":=", at);
    if (value != kNpos) return std::string(frame.substr(0, value + 1)) + " " + std::string(kMask);
  }
  return MaskQuoted(frame);
}

// What may be a piece of anything.
std::string RedactUnknown(std::string_view text) {
  for (const std::string_view mark : {"parameters: ", "row contains (", "JSON data, line "}) {
    if (const size_t at = text.find(mark); at != kNpos) {
      return Sql(MaskKeyValues(text.substr(0, at))) + " " + std::string(mark) + std::string(kMask);
    }
  }
  return Sql(MaskKeyValues(text));
}

}  // namespace

std::string MaskQuoted(std::string_view text) {
  std::string out;
  size_t at = 0;
  while (at < text.size()) {
    const char c = text[at];
    const bool opens = c == '"' || (c == '\'' && (at == 0 || !IsWordChar(text[at - 1])));
    if (!opens) {
      out.push_back(c);
      at += 1;
      continue;
    }
    if (c == '"' && IsName(text, at)) {
      const size_t close = std::min(text.find('"', at + 1), text.size() - 1);
      out += text.substr(at, close + 1 - at);
      at = close + 1;
      continue;
    }
    out.push_back(c);
    out += kMask;
    const size_t last = text.rfind(c);
    if (last == at) return out;  // no second quote: the value was cut off
    out.push_back(c);
    at = last + 1;
  }
  return out;
}

std::string RedactBody(std::string_view body) {
  if (StartsWith(body, "duration: ")) {
    const size_t unit = body.find(" ms");
    if (unit == kNpos) return MaskQuoted(body);
    const std::string head(body.substr(0, unit + 3));
    std::string_view rest = body.substr(unit + 3);
    if (StartsWith(rest, "  ")) rest.remove_prefix(2);
    if (rest.empty()) return head;
    if (StartsWith(rest, "plan:")) return head + "  plan:" + RedactPlan(rest.substr(5));
    const size_t sql = SqlStart(rest).value_or(0);
    return head + "  " + std::string(rest.substr(0, sql)) + Sql(rest.substr(sql));
  }
  if (const std::optional<size_t> sql = SqlStart(body)) {
    return std::string(body.substr(0, *sql)) + Sql(body.substr(*sql));
  }
  if (StartsWith(body, "AUDIT: ")) return RedactAudit(body);
  if (StartsWith(body, "fastpath function call: ")) return std::string(body);  // names a function
  constexpr std::string_view kParameter = "parameter \"";
  if (StartsWith(body, kParameter)) {
    const std::string_view name =
        body.substr(kParameter.size(), body.find('"', kParameter.size()) - kParameter.size());
    if (IsHarmlessSetting(body, name)) return std::string(body);
  }
  return MaskQuoted(body);
}

std::string RedactDetail(std::string_view detail) {
  for (const std::string_view start : {"parameters: ", "Parameters: "}) {
    if (StartsWith(detail, start)) return std::string(start) + std::string(kMask);
  }
  constexpr std::string_view kPrepare = "prepare: ";
  if (StartsWith(detail, kPrepare)) {
    return std::string(kPrepare) + Sql(detail.substr(kPrepare.size()));
  }
  if (const size_t row = detail.find("row contains ("); row != kNpos) {
    return std::string(detail.substr(0, row)) + "row contains (" + std::string(kMask) + ").";
  }
  if (StartsWith(detail, "Process ")) {
    return MapParts(
        detail,
        [](std::string_view line) {
          return DeadlockStatement(line) > 0 || StartsWith(line, "Process ");
        },
        [](std::string_view part) {
          const size_t sql = DeadlockStatement(part);
          if (sql == 0) return MaskQuoted(part);
          return std::string(part.substr(0, sql)) + Sql(part.substr(sql));
        });
  }
  return MaskKeyValues(detail);
}

std::string RedactContext(std::string_view context) {
  return MapParts(
      context,
      [](std::string_view line) {
        for (const std::string_view start :
             {"SQL statement \"", "SQL expression \"", "PL/pgSQL ", "SQL function \"", "COPY ",
              "while ", "JSON data", "unnamed portal", "portal \"", "parallel worker",
              "automatic "}) {
          if (StartsWith(line, start)) return true;
        }
        return false;
      },
      RedactFrame);
}

void Redactor::RedactPostgres(pgvigil::v1::LogRecord& record) const {
  if (allow_literals_) return;
  const bool lost_its_record =
      std::any_of(record.attributes().begin(), record.attributes().end(),
                  [](const auto& each) { return each.name() == "pgvigil.continuation"; });
  if (record.severity_text().empty() || lost_its_record) {
    for (std::string* text : {record.mutable_body(), record.mutable_detail(), record.mutable_hint(),
                              record.mutable_context()}) {
      if (!text->empty()) *text = RedactUnknown(*text);
    }
  } else {
    *record.mutable_body() = RedactBody(record.body());
    if (!record.detail().empty()) *record.mutable_detail() = RedactDetail(record.detail());
    if (!record.hint().empty()) *record.mutable_hint() = MaskQuoted(record.hint());
    if (!record.context().empty()) *record.mutable_context() = RedactContext(record.context());
  }
  if (!record.statement().empty()) *record.mutable_statement() = Sql(record.statement());
}

void Redactor::RedactSyslog(pgvigil::v1::LogRecord& record) const {
  if (allow_literals_ || !StartsWith(record.program(), "postgres")) return;
  *record.mutable_body() = RedactUnknown(record.body());
}

std::string Redactor::Statement(std::string_view sql) const {
  return allow_literals_ ? std::string(sql) : Sql(sql);
}

}  // namespace agent::logs
