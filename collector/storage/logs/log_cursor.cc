#include "collector/storage/logs/log_cursor.h"

#include <fmt/format.h>

#include "shared/text/cursor.h"

namespace collector::storage {

std::string FormatLogCursor(const LogKey& key) {
  return fmt::format("1-{}-{}-{}", key.micros, key.file_id, key.offset);
}

std::optional<LogKey> ParseLogCursor(std::string_view cursor) {
  // Digits only: no part is negative, and '-' separates.
  if (cursor.find_first_not_of("0123456789-") != std::string_view::npos) return std::nullopt;
  if (cursor.ends_with('-')) return std::nullopt;
  shared::text::FieldCursor fields(cursor);
  if (fields.TakeUntil('-') != "1") return std::nullopt;
  LogKey key;
  for (int64_t* part : {&key.micros, &key.file_id, &key.offset}) {
    const auto number = shared::text::ParseNumber<int64_t>(fields.TakeUntil('-'));
    if (!number) return std::nullopt;
    *part = *number;
  }
  if (!fields.AtEnd()) return std::nullopt;
  return key;
}

}  // namespace collector::storage
