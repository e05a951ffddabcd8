#pragma once

#include <memory>
#include <stop_token>

#include "collector/storage/index/id_ranges.h"
#include "collector/storage/index/series_index.h"
#include "shared/postgres/connection.h"

namespace collector::storage {

// Reads pgvigil.series and its hosts into an index: all at first, later what is new. Reading takes
// a connection and no lock; what was read is then applied to the index, which takes no I/O. Used by
// one thread at a time.
class IndexLoader {
 public:
  explicit IndexLoader(const shared::Clock& clock);
  ~IndexLoader();

  // Rows that were read and not yet applied.
  class News;

  // Everything there is. kCancelled: stopped.
  shared::Result<void> LoadAll(shared::postgres::Connection& connection, SeriesIndex& index,
                               std::stop_token stop);
  // Series that were registered since, at most some 20,000 a range of ids; `full`: there may be
  // more, so read again. Their hosts come along when the index does not know them.
  shared::Result<News> ReadNew(shared::postgres::Connection& connection, const SeriesIndex& index);
  void Apply(News news, SeriesIndex& index);

  // Names of hosts, which may change; and the days on which series were last seen.
  shared::Result<News> ReadHosts(shared::postgres::Connection& connection);
  shared::Result<News> ReadSeen(shared::postgres::Connection& connection);

 private:
  struct LabelParser;

  const shared::Clock& clock_;
  IdRanges ids_;
  std::string seen_until_;  // last_seen up to which ReadSeen has read, as SQL text
  std::unique_ptr<LabelParser> parser_;
};

class IndexLoader::News {
 public:
  bool full = false;

 private:
  friend class IndexLoader;
  std::unique_ptr<shared::postgres::Rows> hosts, series, seen;
};

}  // namespace collector::storage
