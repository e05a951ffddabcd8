#include "agent/identity/agent_id.h"

#include <sys/random.h>

#include <cerrno>
#include <cstdio>
#include <optional>

#include "shared/base/file.h"
#include "shared/log/log.h"
#include "shared/text/cursor.h"
#include "shared/text/hex.h"

namespace agent::identity {
namespace {

using shared::Result;

constexpr size_t kIdBytes = 16;

constexpr std::string_view kUnknownMachine = "-";

Result<std::string> RandomId() {
  std::string id(kIdBytes, '\0');
  if (::getrandom(id.data(), id.size(), 0) != static_cast<ssize_t>(id.size())) {
    return shared::FailErrno(errno, "getrandom");
  }
  id[6] = static_cast<char>((id[6] & 0x0f) | 0x40);  // RFC 9562: version 4, random
  id[8] = static_cast<char>((id[8] & 0x3f) | 0x80);
  return id;
}

struct Known {
  std::string id;
  std::string machine_id;
};

std::optional<Known> Parse(std::string_view text) {
  shared::text::LineCursor lines(text);
  if (!lines.Next()) return std::nullopt;
  shared::text::FieldCursor fields(lines.line());
  const std::optional<std::string> id = shared::text::FromUuid(fields.Take());
  const std::string_view machine_id = fields.Take();
  if (!id || machine_id.empty() || !fields.AtEnd()) return std::nullopt;
  return Known{*id, std::string(machine_id)};
}

Result<void> Write(const std::string& path, const std::string& id, std::string_view machine_id) {
  return shared::WriteFileDurably(
      path, fmt::format("{} {}\n", shared::text::ToUuid(id), machine_id), 0600);
}

}  // namespace

Result<std::string> LoadOrCreateAgentId(const std::string& state_dir, std::string_view machine_id) {
  const std::string path = state_dir + "/agent-id";
  if (machine_id.empty()) machine_id = kUnknownMachine;
  const Result<std::string> text = shared::ReadFile(path, 4096);
  if (!text && text.error().code != shared::ErrorCode::kNotFound &&
      text.error().code != shared::ErrorCode::kResourceExhausted) {
    return tl::make_unexpected(text.error());
  }
  const bool exists = text || text.error().code == shared::ErrorCode::kResourceExhausted;
  const std::optional<Known> known = text ? Parse(*text) : std::nullopt;
  if (known && (known->machine_id == machine_id || machine_id == kUnknownMachine)) return known->id;
  if (known && known->machine_id == kUnknownMachine) {
    RETURN_IF_ERROR(Write(path, known->id, machine_id));
    return known->id;
  }
  if (known) {
    shared::log::Warn("{}: made on another machine ({}); this one gets a new agent id", path,
                      known->machine_id);
  } else if (exists) {
    shared::log::Warn("{}: damaged, kept as {}.damaged; a new agent id is made", path, path);
    if (std::rename(path.c_str(), (path + ".damaged").c_str()) != 0) {
      return shared::FailErrno(errno, "rename " + path);
    }
  }
  ASSIGN_OR_RETURN(std::string id, RandomId());
  RETURN_IF_ERROR(Write(path, id, machine_id));
  return id;
}

}  // namespace agent::identity
