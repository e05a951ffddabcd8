#include <bit>
#include <cstring>

#include "shared/base/check.h"
#include "shared/postgres/session.h"
#include "shared/text/cursor.h"

namespace shared::postgres {
namespace {

// The server's binary numbers are big-endian.
template <typename T>
T FromNetwork(const char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  if constexpr (sizeof(T) == 2)
    return static_cast<T>(__builtin_bswap16(static_cast<uint16_t>(value)));
  if constexpr (sizeof(T) == 4)
    return static_cast<T>(__builtin_bswap32(static_cast<uint32_t>(value)));
  return static_cast<T>(__builtin_bswap64(static_cast<uint64_t>(value)));
}

template <typename T>
T NumberAt(const Rows& rows, size_t row, size_t column) {
  static_assert(std::endian::native == std::endian::little);
  const std::string_view bytes = rows.Text(row, column);
  if (bytes.empty()) return 0;
  CHECK(bytes.size() == sizeof(T));
  return FromNetwork<T>(bytes.data());
}

constexpr int64_t kEpochMicros = 946'684'800'000'000;  // 2000-01-01, PostgreSQL's own epoch

}  // namespace

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

int16_t Rows::Int2(size_t row, size_t column) const {
  return NumberAt<int16_t>(*this, row, column);
}

int32_t Rows::Int4(size_t row, size_t column) const {
  return NumberAt<int32_t>(*this, row, column);
}

int64_t Rows::Int8(size_t row, size_t column) const {
  return NumberAt<int64_t>(*this, row, column);
}

int64_t Rows::UnixMicros(size_t row, size_t column) const {
  if (IsNull(row, column)) return 0;
  return NumberAt<int64_t>(*this, row, column) + kEpochMicros;
}

// array_send: dimensions, has-null flag, element type, then for each dimension length and lower
// bound, then each element as length and value (src/backend/utils/adt/arrayfuncs.c).
std::vector<int64_t> Rows::Int8Array(size_t row, size_t column) const {
  constexpr size_t kHead = 20;
  constexpr size_t kElement = 12;
  const std::string_view bytes = Text(row, column);
  std::vector<int64_t> out;
  if (bytes.size() < kHead || FromNetwork<int32_t>(bytes.data()) != 1) return out;
  const auto count = static_cast<size_t>(FromNetwork<uint32_t>(bytes.data() + 12));
  if (bytes.size() != kHead + count * kElement) return out;
  out.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    out.push_back(FromNetwork<int64_t>(bytes.data() + kHead + i * kElement + 4));
  }
  return out;
}

std::vector<double> Rows::Float8Array(size_t row, size_t column) const {
  std::vector<double> out;
  const std::vector<int64_t> bits = Int8Array(row, column);  // likewise eight bytes each
  out.reserve(bits.size());
  for (const int64_t one : bits) out.push_back(std::bit_cast<double>(one));
  return out;
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
