#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace collector::storage {

// Where a log record stands in the order of answers; names it for ever, so that paging is stable
// while new lines come. As text, for LogPage::next_cursor: "1-1767225600000000-12-3456".
struct LogKey {
  int64_t micros = 0;  // time, microseconds since 1970
  int64_t file_id = 0;
  int64_t offset = 0;
  friend auto operator<=>(const LogKey&, const LogKey&) = default;
};

std::string FormatLogCursor(const LogKey& key);
// nullopt: not one of ours.
std::optional<LogKey> ParseLogCursor(std::string_view cursor);

}  // namespace collector::storage
