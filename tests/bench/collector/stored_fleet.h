#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shared/base/clock.h"
#include "shared/postgres/connection.h"
#include "tests/support/postgres_server.h"

namespace collector::bench {

struct FleetSize {
  int hosts = 50;
  uint32_t series = 500;  // of each host, 10 of each metric
  int hours = 2;          // of data, a tick each 10 s
};

// A database "pgvigil" with the schema and the L0 blocks of a fleet of database hosts, as agents
// send them: a block a minute, of what tests/bench/shared/host_blocks.h describes. Written straight
// into the tables, 100 blocks a transaction. Whatever fails ends the program.
class StoredFleet {
 public:
  StoredFleet(const tests::PostgresServer& server, const FleetSize& size);

  // When the first block begins, rounded down to an hour; and when all of them have ended.
  [[nodiscard]] shared::WallTime begin() const;
  [[nodiscard]] shared::WallTime end() const;
  [[nodiscard]] double samples() const;
  [[nodiscard]] double samples_of_ten_minutes() const { return samples() / (size_.hours * 6); }
  // WAL that loading the blocks wrote.
  [[nodiscard]] double wal_bytes() const { return wal_bytes_; }

  // Runs a statement that must succeed; the first column of its first row as a number.
  double Ask(std::string_view sql);
  shared::postgres::Connection& connection() { return connection_; }

 private:
  void AddHost(int host);

  const FleetSize size_;
  shared::postgres::Connection connection_;
  double wal_bytes_ = 0;
};

// The same kind of data as narrow rows (series, time, value) with a btree, one COPY for each hour
// of a host, what is most often compared with.
struct NarrowRows {
  double rows_per_s = 0;
  double bytes_per_sample = 0;  // heap and index
  double wal_bytes_per_sample = 0;
};
NarrowRows MeasureNarrowRows(StoredFleet& fleet, uint32_t series);

}  // namespace collector::bench
