#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "shared/base/clock.h"
#include "shared/base/result.h"
#include "shared/postgres/connection.h"

namespace shared::postgres {

// COPY … FROM STDIN (FORMAT binary), row by row (PostgreSQL manual, "COPY", Binary Format). Fields
// must be added in the order and with the binary type of the columns, as many as BeginRow said
// (CHECK). The connection must outlive
// it. Left without Finish, it cancels the COPY.
//
//   ASSIGN_OR_RETURN(CopyIn copy, CopyIn::Begin(connection, "COPY pgvigil.block (a, b) FROM STDIN
//   (FORMAT binary)")); copy.BeginRow(2); copy.Int4(host); copy.Bytea(payload);
//   ASSIGN_OR_RETURN(const uint64_t rows, copy.Finish());
class CopyIn {
 public:
  static Result<CopyIn> Begin(Connection& connection, std::string_view sql);
  ~CopyIn();
  CopyIn(CopyIn&&) noexcept;
  CopyIn& operator=(CopyIn&&) = delete;

  void BeginRow(int16_t columns);
  void Null();
  void Bool(bool value);
  void Int2(int16_t value);
  void Int4(int32_t value);
  void Oid(uint32_t value);
  void Int8(int64_t value);
  void Float8(double value);
  void Text(std::string_view value);   // text, varchar, and json; UTF-8 without NUL
  void Jsonb(std::string_view value);  // a JSON document
  void Bytea(std::string_view value);
  void Uuid(std::span<const uint8_t, 16> value);
  void Timestamptz(WallTime value);  // rounded down to microseconds
  void Int8Array(std::span<const int64_t> values);
  void Int4Array(std::span<const int32_t> values);
  void Int2Array(std::span<const int16_t> values);
  void CharArray(std::span<const int8_t> values);  // of "char", PostgreSQL's type of one byte
  void Float4Array(std::span<const float> values);
  void Float8Array(std::span<const double> values);

  // Ends the COPY; rows stored. On error nothing of it is stored and the caller's transaction has
  // failed; the message has the SQLSTATE and PostgreSQL's COPY context with the line.
  Result<uint64_t> Finish();

 private:
  explicit CopyIn(Connection& connection) : connection_(&connection) {}
  void CountField();
  bool FitsAField(size_t bytes);
  void Flush();
  Connection* connection_;  // null: finished or moved from
  std::string buffer_;
  std::optional<Error> error_;  // the first; told by Finish
  int fields_left_ = 0;         // of the row under way
};

}  // namespace shared::postgres
