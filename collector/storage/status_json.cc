#include "collector/storage/status_json.h"

#include <fmt/format.h>

#include "collector/storage/sql_text.h"
#include "shared/wire/names.h"

namespace collector::storage {
namespace {

using shared::wire::StateName;
using shared::wire::StreamName;

std::string Quoted(std::string_view text) {
  std::string out;
  AppendJsonbString(text, out);
  return out;
}

template <typename Items, typename Write>
std::string Array(const Items& items, Write write) {
  std::string out = "[";
  for (const auto& item : items) {
    if (out.size() > 1) out.push_back(',');
    out += write(item);
  }
  return out + "]";
}

}  // namespace

std::string StatusJson(const pgvigil::v1::AgentStatus& status) {
  const std::string capabilities = Array(status.capabilities(), [](const auto& one) {
    return fmt::format(R"({{"name":{},"state":"{}","detail":{},"remedy":{}}})", Quoted(one.name()),
                       StateName(one.state()), Quoted(one.detail()), Quoted(one.remedy()));
  });
  const std::string dropped = Array(status.dropped(), [](const auto& one) {
    return fmt::format(R"({{"stream":"{}","reason":{},"items":{},"bytes":{}}})",
                       StreamName(one.stream()), Quoted(one.reason()), one.items(), one.bytes());
  });
  // Nanoseconds are beyond 2^53: a string.
  const std::string streams = Array(status.streams(), [](const auto& one) {
    return fmt::format(R"({{"stream":"{}","waiting_bytes":{},"oldest_waiting_unix_nano":"{}"}})",
                       StreamName(one.stream()), one.waiting_bytes(),
                       one.oldest_waiting_unix_nano());
  });
  return fmt::format(R"({{"capabilities":{},"dropped":{},"streams":{}}})", capabilities, dropped,
                     streams);
}

}  // namespace collector::storage
