#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "collector/storage/logs/log_scope.h"

namespace collector::storage {

// The best `limit` matches so far, in the order of the answer, and the page that grows out of them.
// Both arguments must outlive it.
class LogCandidates {
 public:
  LogCandidates(const LogScope& scope, const api::LogQuery& query)
      : scope_(scope), query_(query), waiting_(InOrder{query.newest_first}) {}

  // Whether a record of this time could be on the page: in the window, beyond the cursor, and
  // better than what is kept.
  [[nodiscard]] bool Wants(int64_t file_id, uint64_t offset, int64_t nanos) const;
  // A match that was wanted.
  void Add(int64_t file_id, api::LogRow row);
  // Moves those to the page that come before every record of blocks whose near end is at `micros`;
  // nullopt: all.
  void GiveOut(std::optional<int64_t> micros);

  [[nodiscard]] bool full() const { return page_.rows.size() >= query_.limit; }
  [[nodiscard]] size_t count() const { return page_.rows.size() + waiting_.size(); }
  // The page; next_cursor is empty when it is not full.
  api::LogPage TakePage();

 private:
  struct InOrder {
    bool newest_first = true;
    bool operator()(const LogKey& a, const LogKey& b) const { return newest_first ? a > b : a < b; }
  };

  const LogScope& scope_;
  const api::LogQuery& query_;
  std::map<LogKey, api::LogRow, InOrder> waiting_;
  api::LogPage page_;
};

}  // namespace collector::storage
