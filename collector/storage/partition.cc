#include "collector/storage/partition.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>

#include "collector/storage/sql_text.h"

namespace collector::storage {

Partition PartitionOf(const PartitionedTable& table, shared::WallTime time) {
  const auto today = std::chrono::floor<std::chrono::days>(time);
  std::chrono::year_month_day date(today);
  if (table.step == PartitionStep::kMonth) date = date.year() / date.month() / 1;
  const std::chrono::sys_days day(date);
  const std::string day_name =
      fmt::format("{}_{:04}{:02}{:02}", table.name, static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  if (table.step == PartitionStep::kDay) {
    return {table.name, day_name, day, day + std::chrono::days(1)};
  }
  if (table.step == PartitionStep::kMonth) {
    return {table.name, day_name, day, std::chrono::sys_days(date + std::chrono::months(1))};
  }
  const auto hour = std::chrono::floor<std::chrono::hours>(time);
  return {table.name, fmt::format("{}_{:02}", day_name, (hour - day).count()), hour,
          hour + std::chrono::hours(1)};
}

std::optional<Partition> PartitionNamed(const PartitionedTable& table, std::string_view name) {
  // "_YYYYMMDD" or "_YYYYMMDD_HH"
  if (!name.starts_with(table.name)) return std::nullopt;
  const std::string_view suffix = name.substr(table.name.size());
  const bool hourly = table.step == PartitionStep::kHour;
  if (suffix.size() != (hourly ? 12 : 9)) return std::nullopt;
  const auto number = [&](size_t begin, size_t length) {
    int out = -1;
    std::from_chars(suffix.data() + begin, suffix.data() + begin + length, out);
    return out;
  };
  const std::chrono::year_month_day date(std::chrono::year(number(1, 4)),
                                         std::chrono::month(static_cast<unsigned>(number(5, 2))),
                                         std::chrono::day(static_cast<unsigned>(number(7, 2))));
  if (!date.ok()) return std::nullopt;
  const int hour = hourly ? number(10, 2) : 0;
  Partition out = PartitionOf(table, std::chrono::sys_days(date) + std::chrono::hours(hour));
  if (out.name != name) return std::nullopt;
  return out;
}

std::vector<Partition> PartitionsAhead(const PartitionedTable& table, shared::WallTime now,
                                       int ahead) {
  std::vector<Partition> out{PartitionOf(table, now)};
  for (int i = 0; i < ahead; ++i) out.push_back(PartitionOf(table, out.back().to));
  return out;
}

std::string CreatePartitionSql(const Partition& partition) {
  return fmt::format("CREATE TABLE pgvigil.{} (LIKE pgvigil.{} INCLUDING ALL)", partition.name,
                     partition.table);
}

std::string AttachPartitionSql(const Partition& partition) {
  return fmt::format(
      "ALTER TABLE pgvigil.{} ATTACH PARTITION pgvigil.{} FOR VALUES FROM ('{}') TO ('{}')",
      partition.table, partition.name, FormatTimestamp(partition.from),
      FormatTimestamp(partition.to));
}

}  // namespace collector::storage
