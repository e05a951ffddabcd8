#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/postgres/table.h"
#include "shared/text/cursor.h"

namespace agent::postgres {

// Rows as psql prints them unaligned: "datname|xact_commit\npostgres|12\n"; "\N" is NULL.
class CapturedTable final : public Table {
 public:
  explicit CapturedTable(std::string_view text) {
    for (shared::text::LineCursor lines(text); lines.Next();) {
      std::vector<std::string> cells{""};
      for (const char c : lines.line()) {
        if (c == '|') {
          cells.emplace_back();
        } else {
          cells.back() += c;
        }
      }
      if (lines.number() == 1) {
        columns_ = std::move(cells);
      } else {
        rows_.push_back(std::move(cells));
      }
    }
  }
  [[nodiscard]] size_t size() const override { return rows_.size(); }
  [[nodiscard]] std::optional<size_t> FindColumn(std::string_view name) const override {
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i] == name) return i;
    }
    return std::nullopt;
  }
  [[nodiscard]] std::optional<std::string_view> Cell(size_t row, size_t column) const override {
    const std::string& cell = rows_.at(row).at(column);
    if (cell == "\\N") return std::nullopt;
    return cell;
  }

 private:
  std::vector<std::string> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace agent::postgres
