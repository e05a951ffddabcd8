#include "agent/host/pid_stat.h"

#include "shared/text/cursor.h"

namespace agent::host {
namespace {

using shared::ErrorCode;
using shared::Fail;

}  // namespace

shared::Result<char> ParseProcessState(std::string_view text) {
  const size_t end = text.rfind(')');
  if (end == std::string_view::npos) return Fail(ErrorCode::kMalformed, "line 1: no name");
  if (end + 2 >= text.size() || text[end + 1] != ' ') {
    return Fail(ErrorCode::kMalformed, "line 1: no state");
  }
  return text[end + 2];
}

shared::Result<PidStat> ParsePidStat(std::string_view text) {
  PidStat out;
  ASSIGN_OR_RETURN(out.state, ParseProcessState(text));
  const size_t start = text.find('(');
  const size_t end = text.rfind(')');
  if (start > end) return Fail(ErrorCode::kMalformed, "line 1: no name");
  out.name = text.substr(start + 1, end - start - 1);
  shared::text::FieldCursor fields(text.substr(end + 2, text.find('\n', end) - end - 2));
  fields.Skip(11);  // state is field 3, utime 14
  const auto user = fields.TakeNumber<uint64_t>();
  const auto system = fields.TakeNumber<uint64_t>();
  fields.Skip(4);
  const auto threads = fields.TakeNumber<uint64_t>();  // 20
  fields.Skip(3);
  const auto resident = fields.TakeNumber<uint64_t>();  // 24
  if (!user || !system || !threads || !resident) {
    return Fail(ErrorCode::kMalformed, "line 1: fewer than 24 fields, or one is no number");
  }
  out.user_ticks = *user;
  out.system_ticks = *system;
  out.threads = *threads;
  out.resident_pages = *resident;
  return out;
}

}  // namespace agent::host
