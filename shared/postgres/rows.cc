#include "shared/postgres/session.h"
#include "shared/text/cursor.h"

namespace shared::postgres {

Rows::Rows(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Rows::~Rows() = default;
Rows::Rows(Rows&&) noexcept = default;
Rows& Rows::operator=(Rows&&) noexcept = default;

size_t Rows::size() const {
  return static_cast<size_t>(PQntuples(impl_->result.get()));
}
size_t Rows::columns() const {
  return static_cast<size_t>(PQnfields(impl_->result.get()));
}

std::string_view Rows::column_name(size_t column) const {
  const char* const name = PQfname(impl_->result.get(), static_cast<int>(column));
  return name == nullptr ? std::string_view() : std::string_view(name);
}

// Not PQfnumber: it folds case and takes quotes.
std::optional<size_t> Rows::FindColumn(std::string_view name) const {
  for (size_t column = 0; column < columns(); ++column) {
    if (column_name(column) == name) return column;
  }
  return std::nullopt;
}

bool Rows::IsNull(size_t row, size_t column) const {
  return PQgetisnull(impl_->result.get(), static_cast<int>(row), static_cast<int>(column)) != 0;
}

std::string_view Rows::Text(size_t row, size_t column) const {
  const PGresult* const result = impl_->result.get();
  const char* const value = PQgetvalue(result, static_cast<int>(row), static_cast<int>(column));
  if (value == nullptr) return {};
  const int length = PQgetlength(result, static_cast<int>(row), static_cast<int>(column));
  return {value, static_cast<size_t>(length)};
}

std::optional<int64_t> Rows::Int(size_t row, size_t column) const {
  return text::ParseNumber<int64_t>(Text(row, column));
}

std::optional<uint64_t> Rows::Unsigned(size_t row, size_t column) const {
  return text::ParseNumber<uint64_t>(Text(row, column));
}

// PostgreSQL's "NaN", "Infinity" and "-Infinity" are among what from_chars takes.
std::optional<double> Rows::Double(size_t row, size_t column) const {
  return text::ParseNumber<double>(Text(row, column));
}

std::optional<bool> Rows::Bool(size_t row, size_t column) const {
  const std::string_view value = Text(row, column);
  if (value == "t") return true;
  if (value == "f") return false;
  return std::nullopt;
}

uint64_t Rows::affected() const {
  // PQcmdTuples counts the rows of SELECT, FETCH and MOVE too.
  for (const std::string_view verb : {"INSERT ", "UPDATE ", "DELETE ", "MERGE ", "COPY "}) {
    if (!std::string_view(PQcmdStatus(impl_->result.get())).starts_with(verb)) continue;
    return text::ParseNumber<uint64_t>(PQcmdTuples(impl_->result.get())).value_or(0);
  }
  return 0;
}

}  // namespace shared::postgres
