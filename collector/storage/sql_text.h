#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/clock.h"
#include "shared/model/labels.h"

// How values are written in SQL text. Pure.
namespace collector::storage {

// timestamptz input, always UTC: "2026-11-21 08:00:00.123456+00", rounded down to microseconds.
std::string FormatTimestamp(shared::WallTime time);
// The same rounded up: for an exclusive upper bound on a column that is rounded down.
std::string FormatTimestampUp(shared::WallTime time);

// SQL that reads a timestamptz column as microseconds since 1970: "(extract(epoch FROM
// x)*1000000)::int8".
std::string EpochMicros(std::string_view column);
shared::WallTime FromUnixMicros(int64_t micros);

// An array in PostgreSQL's input syntax, element by element: {1,2} or {"a \"b\"",NULL}. Text is
// made clean UTF-8 without NUL first, for the server would refuse the whole statement.
class ArrayText {
 public:
  void Add(int64_t value);
  void Add(std::string_view text);
  void AddNull();
  // The whole array; the builder is empty again.
  std::string Take();

 private:
  void Separate();
  std::string out_ = "{";
};

// Back from what PostgreSQL prints of an int8[]: "{1,-2}". Elements that are no numbers are
// skipped.
std::vector<int64_t> ParseIntArray(std::string_view text);

// {"name":"value",…}: clean for jsonb, which takes neither invalid UTF-8 nor NUL.
std::string LabelsJson(const shared::model::Labels& labels);
// Appends a JSON string that jsonb takes.
void AppendJsonbString(std::string_view text, std::string& out);
// Back from what PostgreSQL prints of such a document: an object of strings; other values are
// skipped, and what is no JSON object gives no labels.
shared::model::Labels ParseLabelsJson(std::string_view json);

// What bytea looks like in a text-format result, "\x0aff", as bytes; "" for what is not.
std::string FromByteaText(std::string_view text);

}  // namespace collector::storage
