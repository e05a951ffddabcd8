#include "collector/storage/partition_keeper.h"

#include <fmt/format.h>

#include "collector/storage/lock_keys.h"
#include "shared/log/log.h"

namespace collector::storage {
namespace {

using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::postgres::Connection;
using shared::postgres::Rows;
using shared::postgres::Transaction;

constexpr int kHoursAhead = 6;
constexpr int kMonthsAhead = 1;

Result<void> Create(Connection& connection, const Partition& partition) {
  ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(connection));
  RETURN_IF_ERROR(connection.Execute("SET LOCAL lock_timeout = '2s'"));
  RETURN_IF_ERROR(
      connection.Query("SELECT pg_advisory_xact_lock($1)", {std::to_string(kPartitionLock)}));
  ASSIGN_OR_RETURN(const Rows state,
                   connection.Query("SELECT c.relispartition FROM pg_catalog.pg_class c JOIN"
                                    " pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                                    " WHERE n.nspname = 'pgvigil' AND c.relname = $1",
                                    {partition.name}));
  if (state.size() > 0) {
    if (state.Bool(0, 0) == true) return transaction.Commit();
    return Fail(
        ErrorCode::kUnavailable,
        "table pgvigil.{} exists but is no partition of pgvigil.{}: attach, rename or drop it",
        partition.name, partition.table);
  }
  RETURN_IF_ERROR(connection.Execute(CreatePartitionSql(partition)));
  RETURN_IF_ERROR(connection.Execute(AttachPartitionSql(partition)));
  RETURN_IF_ERROR(transaction.Commit());
  shared::log::Debug("created partition pgvigil.{}", partition.name);
  return {};
}

}  // namespace

Result<void> PartitionKeeper::Ensure(Connection& connection, const std::set<Partition>& wanted) {
  std::vector<const Partition*> missing;
  known_.With([&](const std::set<std::string>& known) {
    for (const Partition& partition : wanted) {
      if (!known.contains(partition.name)) missing.push_back(&partition);
    }
  });
  for (const Partition* partition : missing) {
    if (Result<void> created = Create(connection, *partition); !created) {
      return tl::make_unexpected(
          std::move(created).error().With(fmt::format("create partition {}", partition->name)));
    }
    known_.With([&](std::set<std::string>& known) { known.insert(partition->name); });
  }
  return {};
}

Result<void> PartitionKeeper::CreateAhead(Connection& connection, shared::WallTime now, int days) {
  std::set<Partition> wanted;
  for (const PartitionedTable& table : kPartitionedTables) {
    int ahead = days;
    if (table.step == PartitionStep::kHour) ahead = kHoursAhead;
    if (table.step == PartitionStep::kMonth) ahead = kMonthsAhead;
    for (Partition& partition : PartitionsAhead(table, now, ahead)) {
      wanted.insert(std::move(partition));
    }
  }
  return Ensure(connection, wanted);
}

Result<void> PartitionKeeper::Reload(Connection& connection) {
  ASSIGN_OR_RETURN(
      const Rows rows,
      connection.Query("SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n"
                       " ON n.oid = c.relnamespace WHERE n.nspname = 'pgvigil'"
                       " AND c.relispartition AND c.relkind = 'r'"));
  std::set<std::string> names;
  for (size_t row = 0; row < rows.size(); ++row) names.emplace(rows.Text(row, 0));
  known_.With([&](std::set<std::string>& known) { known.swap(names); });
  return {};
}

}  // namespace collector::storage
