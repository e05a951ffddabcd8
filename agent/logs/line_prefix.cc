#include "agent/logs/line_prefix.h"

#include <algorithm>
#include <cstdlib>

#include "agent/logs/severity.h"

namespace agent::logs {
namespace {

constexpr std::string_view kUnknown = "[unknown]";
// Tries of one line: what a real line needs is the number of escapes.
constexpr int kMaxSteps = 512;
// No prefix is longer; what is beyond is message.
constexpr size_t kMaxPrefix = 1024;

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}
bool IsHex(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'f');
}
bool IsAlnumUpper(char c) {
  return IsDigit(c) || (c >= 'A' && c <= 'Z');
}

template <typename Predicate>
size_t CountWhile(std::string_view text, Predicate predicate) {
  size_t count = 0;
  while (count < text.size() && predicate(text[count])) count += 1;
  return count;
}

std::string_view Trim(std::string_view text, int width) {
  if (width < 0) {
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  } else if (width > 0) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  }
  return text;
}

}  // namespace

bool IsMessagePart(std::string_view word) {
  constexpr std::string_view kParts[] = {"DETAIL",    "HINT",     "QUERY",    "CONTEXT",
                                         "STATEMENT", "LOCATION", "BACKTRACE"};
  return std::find(std::begin(kParts), std::end(kParts), word) != std::end(kParts);
}

std::string_view PrefixFields::*LinePrefix::FieldOf(char escape) {
  switch (escape) {
    case 'p':
      return &PrefixFields::pid;
    case 'P':
      return &PrefixFields::leader_pid;
    case 'u':
      return &PrefixFields::user;
    case 'd':
      return &PrefixFields::database;
    case 'a':
      return &PrefixFields::application_name;
    case 'h':
    case 'r':
      return &PrefixFields::client_host;
    case 'b':
      return &PrefixFields::backend_type;
    case 'e':
      return &PrefixFields::sqlstate;
    case 'c':
      return &PrefixFields::session_id;
    case 'l':
      return &PrefixFields::line_num;
    case 's':
      return &PrefixFields::session_start;
    case 'v':
      return &PrefixFields::vxid;
    case 'x':
      return &PrefixFields::txid;
    case 'i':
      return &PrefixFields::command_tag;
    case 'Q':
      return &PrefixFields::query_id;
    default:
      return nullptr;
  }
}

LinePrefix LinePrefix::Compile(std::string_view text) {
  LinePrefix out;
  const auto add_literal = [&](char c) {
    if (out.items_.empty() || out.items_.back().kind != Kind::kLiteral) {
      out.items_.push_back({Kind::kLiteral, 0, 0, ""});
    }
    out.items_.back().literal.push_back(c);
  };
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      add_literal(text[i]);
      continue;
    }
    i += 1;
    if (i < text.size() && text[i] == '%') {
      add_literal('%');
      continue;
    }
    int width = 0;
    const bool left = i < text.size() && text[i] == '-';
    if (left) i += 1;
    while (i < text.size() && IsDigit(text[i])) {
      width = std::min(width * 10 + (text[i] - '0'), 1000);
      i += 1;
    }
    if (i >= text.size()) break;
    if (left) width = -width;
    const char escape = text[i];
    const auto add = [&](Kind kind) { out.items_.push_back({kind, escape, width, ""}); };
    switch (escape) {
      case 'a':
      case 'u':
      case 'd':
      case 'h':
      case 'b':
      case 'i':
      case 'L':
        add(Kind::kFree);
        break;
      case 'r':
        add(Kind::kClient);
        break;
      case 'p':
      case 'P':
      case 'l':
      case 'x':
      case 'Q':
        add(Kind::kDigits);
        break;
      case 'e':
        add(Kind::kSqlstate);
        break;
      case 'c':
        add(Kind::kSessionId);
        break;
      case 'v':
        add(Kind::kVxid);
        break;
      case 't':
        add(Kind::kLocalSeconds);
        break;
      case 'm':
        add(Kind::kLocalMillis);
        break;
      case 'n':
        add(Kind::kUnixTime);
        break;
      case 's':
        add(Kind::kSessionStart);
        break;
      case 'q':
        add(Kind::kSessionOnly);
        break;
      default:
        break;  // the server prints nothing
    }
    out.has_time_ |= escape == 't' || escape == 'm' || escape == 'n';
  }
  return out;
}

bool LinePrefix::Match(std::string_view line, PostgresTime& time, PrefixFields& out) const {
  out = PrefixFields{};
  Attempt attempt{time, out, kMaxSteps};
  return MatchFrom(0, line, attempt);
}

bool LinePrefix::MatchFrom(size_t index, std::string_view text, Attempt& attempt) const {
  for (; index < items_.size(); ++index) {
    if (--attempt.steps < 0) return false;
    const Item& item = items_[index];
    switch (item.kind) {
      case Kind::kLiteral:
        if (text.substr(0, item.literal.size()) != item.literal) return false;
        text.remove_prefix(item.literal.size());
        break;
      case Kind::kFree:
      case Kind::kClient:
        return MatchFree(index, text, attempt);
      case Kind::kSessionOnly: {
        const PrefixFields before = attempt.out;
        if (MatchFrom(index + 1, text, attempt)) return true;
        attempt.out = before;
        return MatchSeverity(text, attempt);
      }
      default:
        if (!MatchFixed(item, text, attempt)) return false;
    }
  }
  return MatchSeverity(text, attempt);
}

bool LinePrefix::MatchFree(size_t index, std::string_view text, Attempt& attempt) const {
  const Item& item = items_[index];
  const bool has_literal = index + 1 < items_.size() && items_[index + 1].kind == Kind::kLiteral;
  const std::string_view region = text.substr(0, kMaxPrefix);
  const PrefixFields before = attempt.out;
  for (size_t end = static_cast<size_t>(std::abs(item.width)); end <= region.size(); ++end) {
    if (has_literal) {
      end = region.find(items_[index + 1].literal, end);
      if (end == std::string_view::npos) return false;
    }
    if (--attempt.steps < 0) return false;
    attempt.out = before;
    std::string_view value = Trim(text.substr(0, end), item.width);
    if (value == kUnknown) value = {};
    if (item.kind == Kind::kClient && !value.empty() && value.back() == ')') {
      if (const size_t open = value.rfind('('); open != std::string_view::npos) {
        attempt.out.client_port = value.substr(open + 1, value.size() - open - 2);
        value = value.substr(0, open);
      }
    }
    if (const auto field = FieldOf(item.escape); field != nullptr) attempt.out.*field = value;
    if (MatchFrom(index + 1, text.substr(end), attempt)) return true;
  }
  return false;
}

bool LinePrefix::MatchFixed(const Item& item, std::string_view& text, Attempt& attempt) const {
  const std::string_view start = text;
  const size_t width = static_cast<size_t>(std::abs(item.width));
  if (item.width > 0)
    text.remove_prefix(CountWhile(text.substr(0, width), [](char c) { return c == ' '; }));
  const std::string_view value_start = text;
  size_t size = 0;
  switch (item.kind) {
    case Kind::kLocalSeconds:
    case Kind::kLocalMillis:
    case Kind::kUnixTime: {
      const std::optional<int64_t> time =
          item.kind == Kind::kUnixTime
              ? PostgresTime::TakeUnix(text)
              : attempt.time.TakeLocal(text, item.kind == Kind::kLocalMillis);
      if (!time) return false;
      attempt.out.time_unix_nano = time;
      size = value_start.size() - text.size();
      break;
    }
    case Kind::kSessionStart:
      if (!attempt.time.TakeLocal(text, false)) return false;
      size = value_start.size() - text.size();
      break;
    case Kind::kSqlstate:
      size = CountWhile(text.substr(0, 5), IsAlnumUpper);
      if (size != 5) return false;
      break;
    case Kind::kSessionId:
      size = CountWhile(text, [](char c) { return IsHex(c) || c == '.'; });
      if (size == 0) return false;
      break;
    case Kind::kVxid:
      size = CountWhile(text, [](char c) { return IsDigit(c) || c == '/' || c == '-'; });
      break;
    default:  // digits; empty where the server has nothing to say (%P outside parallel workers)
      size = !text.empty() && text[0] == '-' ? 1 : 0;
      size += CountWhile(text.substr(size), IsDigit);
      if (size == 0 && (item.escape == 'p' || item.escape == 'l')) return false;
  }
  if (const auto field = FieldOf(item.escape); field != nullptr) {
    attempt.out.*field = value_start.substr(0, size);
  }
  text = value_start.substr(size);
  const size_t used = start.size() - text.size();
  if (used < width) {  // padding on the right
    const size_t missing = width - used;
    if (CountWhile(text.substr(0, missing), [](char c) { return c == ' '; }) != missing) {
      return false;
    }
    text.remove_prefix(missing);
  }
  return true;
}

bool LinePrefix::MatchSeverity(std::string_view text, Attempt& attempt) const {
  const size_t colon = text.substr(0, 64).find(":  ");
  if (colon == std::string_view::npos || colon == 0) return false;
  const std::string_view word = text.substr(0, colon);
  if (PostgresSeverity(word) == 0 && !IsMessagePart(word)) {
    const bool capitals = std::none_of(word.begin(), word.end(), [](char c) {
      return c == ' ' || c == '\t' || IsDigit(c) || (c >= 'a' && c <= 'z');
    });
    if (!has_time_ || !capitals) return false;
  }
  attempt.out.word = word;
  attempt.out.message = text.substr(colon + 3);
  return true;
}

}  // namespace agent::logs
