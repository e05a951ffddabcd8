#include "shared/log/line.h"

#include <fmt/chrono.h>

#include "shared/text/json.h"

namespace shared::log {
namespace {

std::string TimeText(WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const auto milliseconds = std::chrono::floor<std::chrono::milliseconds>(time - seconds);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(WallTime::clock::to_time_t(seconds)), milliseconds.count());
}

std::string_view Name(Level level) {
  switch (level) {
    case Level::kDebug:
      return "debug";
    case Level::kInfo:
      return "info";
    case Level::kWarn:
      return "warn";
    case Level::kError:
      return "error";
  }
  return "";
}

std::string_view Capitals(Level level) {
  switch (level) {
    case Level::kDebug:
      return "DEBUG";
    case Level::kInfo:
      return "INFO";
    case Level::kWarn:
      return "WARN";
    case Level::kError:
      return "ERROR";
  }
  return "";
}

std::string_view Priority(Level level) {
  switch (level) {
    case Level::kDebug:
      return "<7>";
    case Level::kInfo:
      return "<6>";
    case Level::kWarn:
      return "<4>";
    case Level::kError:
      return "<3>";
  }
  return "";
}

void AppendEscaped(std::string_view text, bool quoted, std::string& out) {
  for (const char byte : text) {
    const auto code = static_cast<unsigned char>(byte);
    if (code < 0x20 || code == 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", code);
      continue;
    }
    if (quoted && (byte == '"' || byte == '\\')) out.push_back('\\');
    out.push_back(byte);
  }
}

}  // namespace

std::string FormatLine(Format format, Level level, WallTime time, std::string_view thread,
                       std::string_view message, bool journal) {
  std::string out(journal ? Priority(level) : "");
  switch (format) {
    case Format::kText:
      if (!journal) out += fmt::format("{} {} ", TimeText(time), Capitals(level));
      AppendEscaped(message, false, out);
      break;
    case Format::kLogfmt:
      out += fmt::format("time={} level={} thread=", TimeText(time), Name(level));
      AppendEscaped(thread, false, out);
      out += " msg=\"";
      AppendEscaped(message, true, out);
      out.push_back('"');
      break;
    case Format::kJson:
      out += fmt::format("{{\"time\":\"{}\",\"level\":\"{}\",\"thread\":", TimeText(time),
                         Name(level));
      text::AppendJsonString(thread, out);
      out += ",\"message\":";
      text::AppendJsonString(message, out);
      out.push_back('}');
      break;
  }
  return out;
}

}  // namespace shared::log
