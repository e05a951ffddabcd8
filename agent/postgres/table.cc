#include "agent/postgres/table.h"

#include "shared/text/cursor.h"

namespace agent::postgres {

std::optional<std::string_view> Row::Text(std::string_view column) const {
  const std::optional<size_t> index = table_.FindColumn(column);
  if (!index) return std::nullopt;
  return table_.Cell(row_, *index);
}

std::optional<double> Row::Number(std::string_view column) const {
  const std::optional<std::string_view> text = Text(column);
  if (!text) return std::nullopt;
  if (*text == "t") return 1;
  if (*text == "f") return 0;
  return shared::text::ParseNumber<double>(*text);
}

std::optional<int64_t> Row::Integer(std::string_view column) const {
  const std::optional<std::string_view> text = Text(column);
  if (!text) return std::nullopt;
  return shared::text::ParseNumber<int64_t>(*text);
}

}  // namespace agent::postgres
