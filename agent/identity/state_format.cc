#include "agent/identity/state_format.h"

#include <optional>
#include <string_view>

#include "shared/base/file.h"
#include "shared/base/version.h"
#include "shared/log/log.h"
#include "shared/text/cursor.h"

namespace agent::identity {
namespace {

using shared::ErrorCode;
using shared::Fail;
using shared::Result;

std::optional<unsigned> Parse(std::string_view text) {
  shared::text::LineCursor lines(text);
  if (!lines.Next()) return std::nullopt;
  return shared::text::ParseNumber<unsigned>(lines.line());
}

}  // namespace

Result<void> ClaimState(const std::string& state_dir) {
  const std::string path = state_dir + "/format";
  const Result<std::string> text = shared::ReadFile(path, 4096);
  if (!text && text.error().code != ErrorCode::kNotFound) {
    return tl::make_unexpected(text.error());
  }
  const std::optional<unsigned> found = text ? Parse(*text) : std::nullopt;
  if (found == kStateFormat) return {};
  if (found && *found > kStateFormat) {
    return Fail(ErrorCode::kInvalidInput,
                "{} has state format {}, pgvigil-agent {} knows up to {}: install the newer "
                "pgvigil-agent again, or move the directory away to start anew",
                state_dir, *found, shared::kVersion, kStateFormat);
  }
  if (text && !found) shared::log::Warn("{}: damaged, written anew", path);
  return shared::WriteFileDurably(path, fmt::format("{}\n", kStateFormat), 0600);
}

}  // namespace agent::identity
