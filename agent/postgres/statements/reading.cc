#include "agent/postgres/statements/reading.h"

#include <algorithm>
#include <bit>
#include <optional>

#include "shared/base/check.h"
#include "shared/text/cursor.h"

namespace agent::postgres::statements {

using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::text::ParseNumber;

namespace {

uint64_t Load(const Counters& counters, const Column& column) {
  if (column.count != nullptr) return counters.*column.count;
  return std::bit_cast<uint64_t>(counters.*column.real);
}

void Store(uint64_t bits, const Column& column, Counters& counters) {
  if (column.count != nullptr) {
    counters.*column.count = bits;
  } else {
    counters.*column.real = std::bit_cast<double>(bits);
  }
}

// Adds the counters of another entry of the same statement.
void Merge(const Counters& other, Counters& counters) {
  const uint64_t calls = counters.calls + other.calls;
  const double min = std::min(counters.min_exec_time, other.min_exec_time);
  const double max = std::max(counters.max_exec_time, other.max_exec_time);
  for (const Column& column : Columns()) {
    if (column.kind == ColumnKind::kCount) {
      counters.*column.count += other.*column.count;
    } else if (column.kind == ColumnKind::kTime) {
      counters.*column.real += other.*column.real;
    }
  }
  counters.min_exec_time = min;
  counters.max_exec_time = max;
  counters.mean_exec_time = calls > 0 ? counters.total_exec_time / static_cast<double>(calls) : 0;
  counters.stddev_exec_time = std::max(counters.stddev_exec_time, other.stddev_exec_time);
}

// The fields of "(a,b,c)" one after the other. Values are numbers and booleans: none is quoted.
class RowCursor {
 public:
  explicit RowCursor(std::string_view row) {
    if (row.size() >= 2 && row.front() == '(' && row.back() == ')') {
      rest_ = row.substr(1, row.size() - 2);
    }
  }
  // nullopt: there are no more.
  std::optional<std::string_view> Take() {
    if (!rest_) return std::nullopt;
    const size_t comma = rest_->find(',');
    const std::string_view field = rest_->substr(0, comma);
    if (comma == std::string_view::npos) {
      rest_.reset();
    } else {
      rest_->remove_prefix(comma + 1);
    }
    return field;
  }
  [[nodiscard]] bool AtEnd() const { return !rest_; }

 private:
  std::optional<std::string_view> rest_;
};

}  // namespace

void Reading::Reserve(size_t entries) {
  entries_.reserve(entries);
  values_.reserve(entries * 12);
}

void Reading::Add(const Key& key, shared::WallTime stats_since, const Counters& counters) {
  Entry entry{.queryid = key.queryid,
              .dbid = key.dbid,
              .userid = key.userid,
              .present = 0,
              .first = static_cast<uint32_t>(values_.size())};
  size_t index = 0;
  for (const Column& column : Columns()) {
    const uint64_t bits = Load(counters, column);
    if (bits != 0) {
      entry.present |= uint64_t{1} << index;
      values_.push_back(bits);
    }
    ++index;
  }
  if (stats_since != shared::WallTime()) {
    entry.present |= uint64_t{1} << kStatsSinceBit;
    values_.push_back(static_cast<uint64_t>(shared::ToUnixNanos(stats_since)));
  }
  if (key.toplevel) entry.present |= uint64_t{1} << kToplevelBit;
  entries_.push_back(entry);
}

Result<void> Reading::AddRow(std::string_view row) {
  RowCursor fields(row);
  const auto dbid = ParseNumber<uint32_t>(fields.Take().value_or(""));
  const auto userid = ParseNumber<uint32_t>(fields.Take().value_or(""));
  const std::string_view queryid_text = fields.Take().value_or("?");
  const std::string_view toplevel = fields.Take().value_or("");
  const std::string_view since_text = fields.Take().value_or("");
  if (!dbid || !userid || (toplevel != "t" && toplevel != "f")) {
    return Fail(ErrorCode::kMalformed, "row {}: no dbid, userid and toplevel", row);
  }
  if (queryid_text.empty()) {
    hidden_ += 1;
    return {};
  }
  const auto queryid = ParseNumber<int64_t>(queryid_text);
  if (!queryid) return Fail(ErrorCode::kMalformed, "row {}: queryid is no number", row);
  shared::WallTime stats_since;
  if (has_stats_since()) {
    const auto micros = ParseNumber<int64_t>(since_text);
    if (!micros) return Fail(ErrorCode::kMalformed, "row {}: stats_since is no number", row);
    stats_since = shared::WallTime(std::chrono::microseconds(*micros));
  }
  Counters counters;
  for (const Column& column : Columns()) {
    const std::string_view name = ColumnName(column, extension_);
    if (name.empty()) continue;
    const std::string_view text = fields.Take().value_or("");
    const auto count = column.count != nullptr ? ParseNumber<uint64_t>(text) : std::nullopt;
    const auto real = column.real != nullptr ? ParseNumber<double>(text) : std::nullopt;
    if (!count && !real) return Fail(ErrorCode::kMalformed, "row {}: {} is no number", row, name);
    if (count) counters.*column.count = *count;
    if (real) counters.*column.real = *real;
  }
  if (!fields.AtEnd()) return Fail(ErrorCode::kMalformed, "row {}: too many columns", row);
  Add({.dbid = *dbid, .userid = *userid, .queryid = *queryid, .toplevel = toplevel == "t"},
      stats_since, counters);
  return {};
}

void Reading::Finish() {
  std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
    const auto key = [](const Entry& e) {
      return Key{e.dbid, e.userid, e.queryid, (e.present >> kToplevelBit) != 0};
    };
    return key(a) < key(b);
  });
  size_t kept = 0;
  for (size_t i = 0; i < entries_.size(); ++kept) {
    size_t end = i + 1;
    while (end < entries_.size() && key(end) == key(i)) ++end;
    if (end - i > 1) {
      Counters sum = counters(i);
      for (size_t other = i + 1; other < end; ++other) Merge(counters(other), sum);
      const Key merged_key = key(i);
      Add(merged_key, shared::WallTime(), sum);  // its values at the end of the array
      entries_[kept] = entries_.back();
      entries_[kept].present |= uint64_t{1} << kMergedBit;
      entries_.pop_back();
    } else {
      entries_[kept] = entries_[i];
    }
    i = end;
  }
  entries_.resize(kept);
  entries_.shrink_to_fit();
  values_.shrink_to_fit();
}

Key Reading::key(size_t entry) const {
  const Entry& e = entries_[entry];
  return {e.dbid, e.userid, e.queryid, (e.present >> kToplevelBit) != 0};
}

shared::WallTime Reading::stats_since(size_t entry) const {
  const Entry& e = entries_[entry];
  if (((e.present >> kStatsSinceBit) & 1) == 0) return {};
  const uint64_t columns = e.present & ((uint64_t{1} << kStatsSinceBit) - 1);
  const size_t at = e.first + static_cast<size_t>(std::popcount(columns));
  return shared::FromUnixNanos(static_cast<int64_t>(values_[at]));
}

Counters Reading::counters(size_t entry) const {
  const Entry& e = entries_[entry];
  Counters out;
  size_t at = e.first;
  size_t index = 0;
  for (const Column& column : Columns()) {
    if (((e.present >> index++) & 1) != 0) Store(values_[at++], column, out);
  }
  return out;
}

bool Reading::merged(size_t entry) const {
  return ((entries_[entry].present >> kMergedBit) & 1) != 0;
}

size_t Reading::memory_bytes() const {
  return sizeof(*this) + entries_.capacity() * sizeof(Entry) +
         values_.capacity() * sizeof(uint64_t);
}

}  // namespace agent::postgres::statements
