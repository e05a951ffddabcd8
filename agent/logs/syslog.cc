#include "agent/logs/syslog.h"

#include <chrono>
#include <utility>

#include "agent/logs/postgres_time.h"
#include "agent/logs/severity.h"
#include "shared/text/cursor.h"

namespace agent::logs {
namespace {

using Record = pgvigil::v1::LogRecord;
using shared::text::ParseNumber;

constexpr int64_t kNanos = 1'000'000'000;
constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";

std::optional<uint32_t> TakePriority(std::string_view& text) {
  if (text.size() < 3 || text[0] != '<') return std::nullopt;
  const size_t close = text.substr(0, 5).find('>');
  if (close == std::string_view::npos) return std::nullopt;
  const std::optional<uint32_t> priority = ParseNumber<uint32_t>(text.substr(1, close - 1));
  if (!priority || *priority > 191) return std::nullopt;
  text.remove_prefix(close + 1);
  return priority;
}

std::string_view TakeWord(std::string_view& text) {
  const size_t end = text.find(' ');
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return word;
}

// `[id name="value" …]…` or "-"; a quote, a backslash and a bracket in a value have a backslash
// before them (RFC 5424, 6.3.3). False: not well formed.
bool TakeStructuredData(std::string_view& text, Record& record) {
  if (!text.empty() && text[0] == '-') {
    text.remove_prefix(1);
    return text.empty() || text[0] == ' ';
  }
  if (text.empty() || text[0] != '[') return false;
  while (!text.empty() && text[0] == '[') {
    text.remove_prefix(1);
    const size_t id_end = text.find_first_of(" ]");
    if (id_end == std::string_view::npos || id_end == 0) return false;
    const std::string id(text.substr(0, id_end));
    text.remove_prefix(id_end);
    while (!text.empty() && text[0] == ' ') {
      text.remove_prefix(1);
      const size_t equals = text.find("=\"");
      if (equals == std::string_view::npos || equals == 0) return false;
      const std::string name(text.substr(0, equals));
      text.remove_prefix(equals + 2);
      std::string value;
      while (!text.empty() && text[0] != '"') {
        if (text[0] == '\\' && text.size() > 1) text.remove_prefix(1);
        value.push_back(text[0]);
        text.remove_prefix(1);
      }
      if (text.empty()) return false;
      text.remove_prefix(1);
      std::string full;
      AppendText(id + "." + name, full, record);
      SetAttribute(full.substr(0, 255), value, record);
    }
    if (text.empty() || text[0] != ']') return false;
    text.remove_prefix(1);
  }
  return text.empty() || text[0] == ' ';
}

// "sshd[812]: Accepted", "kernel: oom": program, pid, body.
void ParseTag(std::string_view text, Record& record) {
  const size_t end = text.find_first_of(": [");
  if (end != std::string_view::npos && end > 0 && text[end] != ' ') {
    std::string_view rest = text.substr(end);
    const std::string_view program = text.substr(0, end);
    if (rest[0] == '[') {
      const size_t close = rest.find(']');
      const std::optional<uint32_t> pid = close == std::string_view::npos
                                              ? std::nullopt
                                              : ParseNumber<uint32_t>(rest.substr(1, close - 1));
      if (pid && rest.substr(close + 1, 1) == ":") {
        record.set_pid(*pid);
        rest.remove_prefix(close + 1);
      }
    }
    if (rest[0] == ':') {
      rest.remove_prefix(1);
      if (!rest.empty() && rest[0] == ' ') rest.remove_prefix(1);
      AppendText(program, *record.mutable_program(), record);
      AppendText(rest, *record.mutable_body(), record);
      return;
    }
  }
  AppendText(text, *record.mutable_body(), record);
}

}  // namespace

SyslogParser::SyslogParser(TimeZone zone, const shared::Clock& clock, const Redactor& redactor)
    : zone_(std::move(zone)), clock_(clock), redactor_(redactor) {}

// "2026-11-21T08:00:00.123456+01:00", "…Z".
bool SyslogParser::ParseIsoTime(std::string_view& text, Record& record) {
  std::string_view rest = text;
  const std::optional<int64_t> seconds = TakeCivilTime(rest, 'T');
  if (!seconds) return false;
  const int64_t nanos = TakeFraction(rest);
  int64_t offset = 0;
  if (!rest.empty() && rest[0] == 'Z') {
    rest.remove_prefix(1);
  } else if (rest.size() >= 6 && (rest[0] == '+' || rest[0] == '-') && rest[3] == ':') {
    const std::optional<int64_t> hours = ParseNumber<int64_t>(rest.substr(1, 2));
    const std::optional<int64_t> minutes = ParseNumber<int64_t>(rest.substr(4, 2));
    if (!hours || !minutes || *hours < 0 || *minutes < 0) return false;
    offset = (*hours * 3600 + *minutes * 60) * (rest[0] == '-' ? -1 : 1);
    rest.remove_prefix(6);
  } else {
    return false;
  }
  if (rest.empty() || rest[0] != ' ') return false;
  rest.remove_prefix(1);
  record.set_time_unix_nano(static_cast<uint64_t>((*seconds - offset) * kNanos + nanos));
  text = rest;
  return true;
}

// "Nov 21 08:00:00 ", "Nov  1 08:00:00 ".
bool SyslogParser::ParseTraditionalTime(std::string_view& text, Record& record) {
  if (text.size() < 16 || text[3] != ' ' || text[6] != ' ' || text[9] != ':' || text[12] != ':' ||
      text[15] != ' ') {
    return false;
  }
  const size_t month = kMonths.find(text.substr(0, 3));
  const auto number = [&](size_t at) {
    const std::string_view digits = text.substr(at, 2);
    return ParseNumber<unsigned>(digits[0] == ' ' ? digits.substr(1) : digits);
  };
  const std::optional<unsigned> day = number(4);
  const std::optional<unsigned> hour = number(7);
  const std::optional<unsigned> minute = number(10);
  const std::optional<unsigned> second = number(13);
  if (month == std::string_view::npos || month % 3 != 0 || !day || !hour || *hour > 23 || !minute ||
      *minute > 59 || !second || *second > 60) {
    return false;
  }
  const auto now = std::chrono::floor<std::chrono::seconds>(clock_.Now());
  const std::chrono::year this_year =
      std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(now)).year();
  for (int back = -1; back <= 8; ++back) {  // next year too: New Year's Eve in another zone
    const std::chrono::year_month_day date{this_year - std::chrono::years(back),
                                           std::chrono::month(static_cast<unsigned>(month / 3 + 1)),
                                           std::chrono::day(*day)};
    if (!date.ok()) continue;  // 29 February
    const int64_t local = int64_t{std::chrono::sys_days(date).time_since_epoch().count()} * 86400 +
                          int64_t{*hour} * 3600 + int64_t{*minute} * 60 + *second;
    const int64_t utc = zone_.ToUtc(local);
    if (utc > now.time_since_epoch().count() + 86400) continue;
    record.set_time_unix_nano(static_cast<uint64_t>(utc * kNanos));
    text.remove_prefix(16);
    return true;
  }
  return false;
}

// Behind "<PRI>1 ": time host app procid msgid structured-data message.
bool SyslogParser::ParseModern(std::string_view text, Record& record) {
  if (text.substr(0, 2) == "- ") {
    text.remove_prefix(2);
  } else if (!ParseIsoTime(text, record)) {
    return false;
  }
  const auto present = [](std::string_view word) {
    return word == "-" ? std::string_view() : word;
  };
  AppendText(present(TakeWord(text)), *record.mutable_host_name(), record);
  AppendText(present(TakeWord(text)), *record.mutable_program(), record);
  record.set_pid(ParseNumber<uint32_t>(TakeWord(text)).value_or(0));
  const std::string_view message_id = present(TakeWord(text));
  if (!message_id.empty()) SetAttribute("syslog.msgid", message_id, record);
  if (!TakeStructuredData(text, record)) return false;
  if (!text.empty()) text.remove_prefix(1);
  // rsyslog keeps the space that stood behind the tag of a traditional message.
  if (!text.empty() && text[0] == ' ') text.remove_prefix(1);
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.substr(0, 3) == kByteOrderMark) text.remove_prefix(3);
  AppendText(text, *record.mutable_body(), record);
  return true;
}

bool SyslogParser::Parse(std::string_view text, Record& record) {
  const std::optional<uint32_t> priority = TakePriority(text);
  if (priority) {
    record.set_severity_number(SyslogSeverity(*priority));
    record.set_severity_text(std::string(SyslogSeverityName(*priority)));
    SetAttribute("syslog.facility", fmt::format("{}", *priority / 8), record);
    if (text.substr(0, 2) == "1 ") return ParseModern(text.substr(2), record);
  }
  if (!ParseIsoTime(text, record) && !ParseTraditionalTime(text, record)) return false;
  AppendText(TakeWord(text), *record.mutable_host_name(), record);
  ParseTag(text, record);
  return true;
}

void SyslogParser::Add(const Line& line, pgvigil::v1::LogChunk& out) {
  if (line.text.empty()) return;
  Record record = BeginRecord(line);
  if (Parse(line.text, record)) {
    redactor_.RedactSyslog(record);
    *out.add_records() = std::move(record);
    return;
  }
  AddUnparsed(line, out);
}

}  // namespace agent::logs
