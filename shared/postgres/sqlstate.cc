#include "shared/postgres/sqlstate.h"

#include <algorithm>

namespace shared::postgres {
namespace {

bool IsSqlstate(std::string_view text) {
  return text.size() == 5 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
         });
}

// Position of the five characters in ":  28P01: "; npos when there are none.
size_t FindSqlstate(std::string_view report) {
  constexpr std::string_view kBefore = ":  ";
  for (size_t at = report.find(kBefore); at != std::string_view::npos;
       at = report.find(kBefore, at + 1)) {
    const size_t start = at + kBefore.size();
    if (IsSqlstate(report.substr(start, 5)) && report.substr(start + 5, 2) == ": ") return start;
  }
  return std::string_view::npos;
}

// Cuts `text` at `label` and returns what followed it; "" when it is not there.
std::string_view TakeAfter(std::string_view label, std::string_view& text) {
  const size_t at = text.find(label);
  if (at == std::string_view::npos) return {};
  const std::string_view after = text.substr(at + label.size());
  text = text.substr(0, at);
  return after;
}

}  // namespace

ErrorCode CodeOfSqlstate(std::string_view sqlstate) {
  const std::string_view category = sqlstate.substr(0, 2);
  if (sqlstate == "57014" || sqlstate == "55P03") return ErrorCode::kTimeout;
  if (sqlstate == "53300" || sqlstate == "40001" || sqlstate == "40P01") {
    return ErrorCode::kUnavailable;
  }
  if (category == "08" || sqlstate.substr(0, 4) == "57P0") return ErrorCode::kUnavailable;
  if (category == "28" || sqlstate == "42501") return ErrorCode::kPermissionDenied;
  if (category == "53") return ErrorCode::kResourceExhausted;
  return ErrorCode::kInvalidInput;
}

std::string FormatServerError(const ServerError& error) {
  std::string out = fmt::format("{} {}", error.sqlstate, OneLine(error.message));
  std::string_view separator = " (";
  const auto append = [&](std::string_view label, std::string_view text) {
    if (text.empty()) return;
    out += fmt::format("{}{}: {}", separator, label, OneLine(text));
    separator = "; ";
  };
  append("DETAIL", error.detail);
  append("HINT", error.hint);
  append("CONTEXT", error.context);
  if (separator == "; ") out += ')';
  return out;
}

StartupFailure ParseStartupFailure(std::string_view report) {
  const size_t start = FindSqlstate(report);
  if (start == std::string_view::npos) return {.sqlstate = "", .message = OneLine(report)};
  // With several hosts one report follows the other; what the first server said decides.
  std::string_view rest = report.substr(start + 7);
  rest = rest.substr(0, rest.find("\nLOCATION:  "));
  ServerError error;
  error.sqlstate = report.substr(start, 5);
  error.hint = TakeAfter("\nHINT:  ", rest);
  error.detail = TakeAfter("\nDETAIL:  ", rest);
  error.message = rest;
  return {.sqlstate = std::string(error.sqlstate), .message = FormatServerError(error)};
}

std::string OneLine(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const bool space = c == '\n' || c == '\r' || c == '\t';
    if (!space) {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

}  // namespace shared::postgres
