#include "shared/postgres/copy.h"

#include <bit>
#include <type_traits>
#include <utility>

#include "shared/base/check.h"
#include "shared/postgres/session.h"

// The stream (PostgreSQL manual, "COPY", Binary Format; all integers big-endian):
//   "PGCOPY\n\377\r\n\0", int32 flags 0, int32 extension length 0
//   a row: int16 fields, each: int32 length (-1: NULL) and that many bytes
//   int16 -1
namespace shared::postgres {
namespace {

constexpr size_t kFlushBytes = 64 << 10;
constexpr uint32_t kInt8Type = 20;  // pg_type.oid
constexpr uint32_t kInt4Type = 23;
constexpr uint32_t kInt2Type = 21;
constexpr uint32_t kCharType = 18;
constexpr uint32_t kFloat4Type = 700;
constexpr uint32_t kFloat8Type = 701;

template <typename T>
void AppendBigEndian(T value, std::string& out) {
  for (int shift = static_cast<int>(sizeof(T)) * 8 - 8; shift >= 0; shift -= 8) {
    out += static_cast<char>((value >> shift) & 0xff);
  }
}

template <typename T>
void AppendField(T value, std::string& out) {
  AppendBigEndian(static_cast<uint32_t>(sizeof(T)), out);
  AppendBigEndian(value, out);
}

// int32 dimensions, int32 has NULLs, oid type; per dimension int32 length and int32 first index;
// then the elements as fields. An empty array has no dimension.
template <typename Unsigned, typename Signed>
void AppendArray(std::span<const Signed> values, uint32_t type, std::string& out) {
  const size_t header = values.empty() ? 12 : 20;
  AppendBigEndian(static_cast<uint32_t>(header + values.size() * (4 + sizeof(Unsigned))), out);
  AppendBigEndian(uint32_t{values.empty() ? 0U : 1U}, out);
  AppendBigEndian(uint32_t{0}, out);
  AppendBigEndian(type, out);
  if (!values.empty()) {
    AppendBigEndian(static_cast<uint32_t>(values.size()), out);
    AppendBigEndian(uint32_t{1}, out);
  }
  for (const Signed value : values) {
    if constexpr (std::is_floating_point_v<Signed>) {
      AppendField(std::bit_cast<Unsigned>(value), out);
    } else {
      AppendField(static_cast<Unsigned>(value), out);
    }
  }
}

// Microseconds since 2000-01-01, rounded down also before it.
int64_t PostgresMicros(WallTime time) {
  constexpr std::chrono::seconds kEpoch{946'684'800};
  return std::chrono::floor<std::chrono::microseconds>(time.time_since_epoch() - kEpoch).count();
}

}  // namespace

Result<CopyIn> CopyIn::Begin(Connection& connection, std::string_view sql) {
  Connection::Impl& impl = connection.impl();
  ASSIGN_OR_RETURN(const CallDeadline deadline, impl.BeginCall());
  RETURN_IF_ERROR(RefuseNul("statement", sql));
  if (PQsendQuery(impl.pg.get(), std::string(sql).c_str()) != 1) {
    return tl::make_unexpected(impl.LoseAsLibpqSays());
  }
  ASSIGN_OR_RETURN(const PgresultPtr result, impl.Next(deadline));
  if (result == nullptr) return tl::make_unexpected(impl.LoseAsLibpqSays());
  const ExecStatusType status = PQresultStatus(result.get());
  if (status == PGRES_FATAL_ERROR) {
    Error error = impl.FailureOf(result.get());
    if (impl.pg != nullptr) {
      if (Result<PgresultPtr> end = impl.Next(deadline); !end) error = std::move(end).error();
    }
    return tl::make_unexpected(std::move(error));
  }
  if (status != PGRES_COPY_IN || PQbinaryTuples(result.get()) != 1) {
    return tl::make_unexpected(
        impl.Lose(ErrorCode::kInvalidInput,
                  "not a COPY … FROM STDIN (FORMAT binary); the connection is closed"));
  }
  CopyIn copy(connection);
  copy.buffer_.reserve(kFlushBytes + 4096);
  copy.buffer_.append("PGCOPY\n\377\r\n\0", 11);
  copy.buffer_.append(8, '\0');
  return copy;
}

CopyIn::CopyIn(CopyIn&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)),
      buffer_(std::move(other.buffer_)),
      error_(std::move(other.error_)),
      fields_left_(other.fields_left_) {}

CopyIn::~CopyIn() {
  if (connection_ == nullptr || !connection_->IsOpen()) return;
  Connection::Impl& impl = connection_->impl();
  const Result<CallDeadline> deadline = impl.BeginCall();
  if (!deadline) return;
  if (PQputCopyEnd(impl.pg.get(), "left without Finish") < 0) {
    impl.pg.reset();
    return;
  }
  // The server answers with 57014, which is what was asked for.
  static_cast<void>(impl.Last(*deadline));
  impl.sqlstate.clear();
}

void CopyIn::BeginRow(int16_t columns) {
  CHECK(fields_left_ == 0);
  if (buffer_.size() >= kFlushBytes) Flush();
  fields_left_ = columns;
  AppendBigEndian(static_cast<uint16_t>(columns), buffer_);
}

void CopyIn::CountField() {
  CHECK(fields_left_ > 0);
  fields_left_ -= 1;
}

void CopyIn::Null() {
  CountField();
  AppendBigEndian(uint32_t{0xffffffff}, buffer_);
}

void CopyIn::Bool(bool value) {
  CountField();
  AppendField(static_cast<uint8_t>(value ? 1 : 0), buffer_);
}

void CopyIn::Int2(int16_t value) {
  CountField();
  AppendField(static_cast<uint16_t>(value), buffer_);
}

void CopyIn::Int4(int32_t value) {
  CountField();
  AppendField(static_cast<uint32_t>(value), buffer_);
}

void CopyIn::Oid(uint32_t value) {
  CountField();
  AppendField(value, buffer_);
}

void CopyIn::Int8(int64_t value) {
  CountField();
  AppendField(static_cast<uint64_t>(value), buffer_);
}

void CopyIn::Float8(double value) {
  CountField();
  AppendField(std::bit_cast<uint64_t>(value), buffer_);
}

void CopyIn::Text(std::string_view value) {
  Bytea(value);
}

void CopyIn::Jsonb(std::string_view value) {
  CountField();
  if (!FitsAField(value.size() + 1)) return;
  AppendBigEndian(static_cast<uint32_t>(value.size() + 1), buffer_);
  buffer_ += '\1';  // jsonb's send format, version 1: the document as text
  buffer_ += value;
}

void CopyIn::Bytea(std::string_view value) {
  CountField();
  if (!FitsAField(value.size())) return;
  AppendBigEndian(static_cast<uint32_t>(value.size()), buffer_);
  buffer_ += value;
}

void CopyIn::Uuid(std::span<const uint8_t, 16> value) {
  CountField();
  AppendBigEndian(uint32_t{16}, buffer_);
  for (const uint8_t byte : value) buffer_ += static_cast<char>(byte);
}

void CopyIn::Timestamptz(WallTime value) {
  Int8(PostgresMicros(value));
}

void CopyIn::Int8Array(std::span<const int64_t> values) {
  CountField();
  if (!FitsAField(20 + values.size() * 12)) return;
  AppendArray<uint64_t>(values, kInt8Type, buffer_);
}

void CopyIn::Int4Array(std::span<const int32_t> values) {
  CountField();
  if (!FitsAField(20 + values.size() * 8)) return;
  AppendArray<uint32_t>(values, kInt4Type, buffer_);
}

void CopyIn::Int2Array(std::span<const int16_t> values) {
  CountField();
  if (!FitsAField(20 + values.size() * 6)) return;
  AppendArray<uint16_t>(values, kInt2Type, buffer_);
}

void CopyIn::CharArray(std::span<const int8_t> values) {
  CountField();
  if (!FitsAField(20 + values.size() * 5)) return;
  AppendArray<uint8_t>(values, kCharType, buffer_);
}

void CopyIn::Float4Array(std::span<const float> values) {
  CountField();
  if (!FitsAField(20 + values.size() * 8)) return;
  AppendArray<uint32_t>(values, kFloat4Type, buffer_);
}

void CopyIn::Float8Array(std::span<const double> values) {
  CountField();
  if (!FitsAField(20 + values.size() * 12)) return;
  AppendArray<uint64_t>(values, kFloat8Type, buffer_);
}

bool CopyIn::FitsAField(size_t bytes) {
  constexpr size_t kLimit = size_t{1} << 30;  // PostgreSQL's own, MaxAllocSize
  if (bytes < kLimit) return true;
  if (!error_) {
    error_ = Error{ErrorCode::kInvalidInput,
                   fmt::format("COPY: a field of {} bytes, over the limit of 1 GiB", bytes)};
  }
  AppendBigEndian(uint32_t{0xffffffff}, buffer_);
  return false;
}

void CopyIn::Flush() {
  if (error_ || connection_ == nullptr) {
    buffer_.clear();
    return;
  }
  Connection::Impl& impl = connection_->impl();
  const auto send = [&]() -> Result<void> {
    ASSIGN_OR_RETURN(const CallDeadline deadline, impl.BeginCall());
    const int put = PQputCopyData(impl.pg.get(), buffer_.data(), static_cast<int>(buffer_.size()));
    if (put != 1) return tl::make_unexpected(impl.LoseAsLibpqSays());
    // libpq's own buffer would grow for as long as the server is slower than we are.
    return impl.Flush(deadline);
  };
  if (Result<void> sent = send(); !sent) error_ = std::move(sent).error();
  buffer_.clear();
}

Result<uint64_t> CopyIn::Finish() {
  CHECK(fields_left_ == 0);
  if (connection_ == nullptr) return Fail(ErrorCode::kInternal, "COPY: finished already");
  AppendBigEndian(uint16_t{0xffff}, buffer_);
  Flush();
  // With an error of our own the destructor cancels the COPY.
  if (error_) return tl::make_unexpected(*error_);
  Connection::Impl& impl = std::exchange(connection_, nullptr)->impl();
  ASSIGN_OR_RETURN(const CallDeadline deadline, impl.BeginCall());
  if (PQputCopyEnd(impl.pg.get(), nullptr) != 1) {
    return tl::make_unexpected(impl.LoseAsLibpqSays());
  }
  ASSIGN_OR_RETURN(PgresultPtr result, impl.Last(deadline));
  return Rows(std::make_unique<Rows::Impl>(Rows::Impl{std::move(result)})).affected();
}

}  // namespace shared::postgres
