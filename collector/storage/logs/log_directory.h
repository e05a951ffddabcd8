#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "collector/storage/logs/log_scope.h"
#include "collector/storage/read_pool.h"

namespace collector::storage {

// A block or a segment that may hold a match.
struct LogBlockRef {
  bool segment = false;
  int64_t near = 0;  // the end that comes first in the question's direction, in microseconds
  int64_t file_id = 0;
  int64_t begin_offset = 0;
  int64_t first_time = 0;  // microseconds; with file and offset the primary key
  bool pruned = false;     // its bloom filter says that it holds no match
};

// Blocks and segments of one day, by near end, file and offset, in pages. Prunes by tenant, host,
// time, severity, source and pattern in the database, by bloom filter here: of a filter only the
// slices are fetched that the probes need.
class LogDirectory {
 public:
  LogDirectory(ReadSession& session, const LogScope& scope, const api::LogQuery& query,
               shared::WallTime day)
      : session_(session), scope_(scope), query_(query), day_(day) {}

  // Empty: there are no more.
  shared::Result<std::vector<LogBlockRef>> NextPage();

 private:
  [[nodiscard]] std::string Sql(std::vector<shared::postgres::Parameter>& parameters) const;
  [[nodiscard]] std::string Where(std::vector<shared::postgres::Parameter>& parameters) const;

  ReadSession& session_;
  const LogScope& scope_;
  const api::LogQuery& query_;
  const shared::WallTime day_;
  size_t page_ = 64;  // rows; grows
  bool done_ = false;
  std::optional<LogBlockRef> last_;
};

}  // namespace collector::storage
