#include "collector/storage/logs/log_candidates.h"

namespace collector::storage {

bool LogCandidates::Wants(int64_t file_id, uint64_t offset, int64_t nanos) const {
  if (nanos < shared::ToUnixNanos(query_.range.from) ||
      nanos >= shared::ToUnixNanos(query_.range.to)) {
    return false;
  }
  if (full()) return false;
  const LogKey key{nanos / 1000, file_id, static_cast<int64_t>(offset)};
  const InOrder in_order{query_.newest_first};
  if (scope_.after && !in_order(*scope_.after, key)) return false;
  return waiting_.size() < query_.limit - page_.rows.size() ||
         in_order(key, waiting_.rbegin()->first);
}

void LogCandidates::Add(int64_t file_id, api::LogRow row) {
  const LogKey key{row.time_unix_nano / 1000, file_id, static_cast<int64_t>(row.offset)};
  waiting_.emplace(key, std::move(row));
  if (waiting_.size() > query_.limit - page_.rows.size()) waiting_.erase(std::prev(waiting_.end()));
}

void LogCandidates::GiveOut(std::optional<int64_t> micros) {
  while (!waiting_.empty() && !full()) {
    const auto first = waiting_.begin();
    if (micros) {
      // A block at the same instant may hold a record of a file that comes first.
      const bool before =
          query_.newest_first ? first->first.micros > *micros : first->first.micros < *micros;
      if (!before) return;
    }
    page_.rows.push_back(std::move(first->second));
    page_.next_cursor = FormatLogCursor(first->first);
    waiting_.erase(first);
  }
}

api::LogPage LogCandidates::TakePage() {
  if (!full()) page_.next_cursor.clear();
  return std::move(page_);
}

}  // namespace collector::storage
