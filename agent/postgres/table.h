#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "shared/postgres/connection.h"

namespace agent::postgres {

// Rows with named columns, as the pure parts of this folder see them: from a server or from a
// test's captured text. All values are PostgreSQL's text format.
class Table {
 public:
  virtual ~Table() = default;
  [[nodiscard]] virtual size_t size() const = 0;
  // nullopt: the server's version has no such column.
  [[nodiscard]] virtual std::optional<size_t> FindColumn(std::string_view name) const = 0;
  // nullopt: NULL.
  [[nodiscard]] virtual std::optional<std::string_view> Cell(size_t row, size_t column) const = 0;
};

// The rows of a query, which must outlive it.
class QueryTable final : public Table {
 public:
  explicit QueryTable(const shared::postgres::Rows& rows) : rows_(rows) {}
  [[nodiscard]] size_t size() const override { return rows_.size(); }
  [[nodiscard]] std::optional<size_t> FindColumn(std::string_view name) const override {
    return rows_.FindColumn(name);
  }
  [[nodiscard]] std::optional<std::string_view> Cell(size_t row, size_t column) const override {
    if (rows_.IsNull(row, column)) return std::nullopt;
    return rows_.Text(row, column);
  }

 private:
  const shared::postgres::Rows& rows_;
};

// One row by column names. nullopt: no such column, NULL, or (Number) no number.
class Row {
 public:
  Row(const Table& table, size_t row) : table_(table), row_(row) {}
  [[nodiscard]] std::optional<std::string_view> Text(std::string_view column) const;
  // Numbers of any type; booleans are 0 and 1.
  [[nodiscard]] std::optional<double> Number(std::string_view column) const;
  [[nodiscard]] std::optional<int64_t> Integer(std::string_view column) const;
  [[nodiscard]] bool IsTrue(std::string_view column) const { return Text(column) == "t"; }

 private:
  const Table& table_;
  size_t row_;
};

}  // namespace agent::postgres
