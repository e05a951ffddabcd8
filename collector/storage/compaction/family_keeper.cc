#include "collector/storage/compaction/family_keeper.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "collector/storage/chunks/family_plan.h"
#include "collector/storage/lock_keys.h"
#include "collector/storage/sql_text.h"

namespace collector::storage {
namespace {

using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::postgres::Connection;
using shared::postgres::Rows;
using shared::postgres::Transaction;

// Above this the memory of layouts starts anew: about 8 bytes a series.
constexpr size_t kMostSeries = 4'000'000;

std::string ToArray(std::span<const int64_t> ids) {
  ArrayText array;
  for (const int64_t id : ids) array.Add(id);
  return array.Take();
}

Result<std::vector<LooseSeries>> ReadLooseSeries(Connection& connection, const std::string& host) {
  ASSIGN_OR_RETURN(const Rows rows,
                   connection.QueryBinary(
                       "/* pgvigil */ SELECT s.id, m.name FROM pgvigil.series s JOIN pgvigil.metric"
                       " m ON m.id = s.metric_id WHERE s.host_id = $1::int4 AND s.family_id IS NULL"
                       " ORDER BY m.name COLLATE \"C\", s.id",
                       {host}));
  std::vector<LooseSeries> out;
  for (size_t row = 0; row < rows.size(); ++row) {
    out.push_back({rows.Int8(row, 0), std::string(rows.Text(row, 1))});
  }
  return out;
}

Result<std::vector<OpenFamily>> ReadOpenFamilies(Connection& connection, const std::string& host) {
  ASSIGN_OR_RETURN(
      const Rows rows,
      connection.QueryBinary("/* pgvigil */ SELECT DISTINCT f.id, cardinality(f.series_ids), m.name"
                             " FROM pgvigil.family f JOIN pgvigil.series s ON s.id = ANY"
                             " (f.series_ids) JOIN pgvigil.metric m ON m.id = s.metric_id"
                             " WHERE f.host_id = $1::int4 AND cardinality(f.series_ids) < $2::int4"
                             " ORDER BY f.id",
                             {host, std::to_string(kFamilySeries)}));
  std::vector<OpenFamily> out;
  for (size_t row = 0; row < rows.size(); ++row) {
    if (out.empty() || out.back().id != rows.Int8(row, 0)) {
      out.push_back({rows.Int8(row, 0), static_cast<size_t>(rows.Int4(row, 1)), {}});
    }
    out.back().metrics.emplace_back(rows.Text(row, 2));
  }
  return out;
}

Result<void> WritePlan(Connection& connection, const std::string& host, const FamilyPlan& plan) {
  for (const FamilyPlan::Growth& growth : plan.grown) {
    RETURN_IF_ERROR(
        connection.Query("/* pgvigil */ UPDATE pgvigil.family SET series_ids = series_ids ||"
                         " $2::int8[] WHERE id = $1::int8",
                         {std::to_string(growth.family_id), ToArray(growth.series_ids)}));
  }
  ArrayText families, series;
  for (size_t i = 0; i < plan.made.size(); ++i) {
    for (const int64_t id : plan.made[i]) {
      families.Add(static_cast<int64_t>(i));
      series.Add(id);
    }
  }
  RETURN_IF_ERROR(connection.Query(
      "/* pgvigil */ INSERT INTO pgvigil.family (host_id, series_ids)"
      " SELECT $1::int4, array_agg(series_id ORDER BY ord) FROM unnest($2::int8[], $3::int8[])"
      " WITH ORDINALITY AS t(family, series_id, ord) GROUP BY family ORDER BY family",
      {host, families.Take(), series.Take()}));
  RETURN_IF_ERROR(connection.Query(
      "/* pgvigil */ UPDATE pgvigil.series s SET family_id = f.id, family_ord = m.ord - 1"
      " FROM pgvigil.family f, unnest(f.series_ids) WITH ORDINALITY AS m(series_id, ord)"
      " WHERE f.host_id = $1::int4 AND s.id = m.series_id AND s.family_id IS NULL",
      {host}));
  return {};
}

}  // namespace

Result<void> FamilyKeeper::PlaceSeries(Connection& connection, int32_t host_id) {
  const std::string host = std::to_string(host_id);
  ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(connection));
  RETURN_IF_ERROR(
      connection.Query("SELECT pg_advisory_xact_lock($1)", {std::to_string(kCompactionLock)}));
  ASSIGN_OR_RETURN(const std::vector<LooseSeries> loose, ReadLooseSeries(connection, host));
  ASSIGN_OR_RETURN(std::vector<OpenFamily> open, ReadOpenFamilies(connection, host));
  RETURN_IF_ERROR(WritePlan(connection, host, PlanFamilies(loose, std::move(open))));
  return transaction.Commit();
}

Result<void> FamilyKeeper::Prepare(Connection& connection, std::span<const int64_t> layout_ids) {
  if (series_ > kMostSeries) Forget();
  std::vector<int64_t> missing;
  for (const int64_t id : layout_ids) {
    if (!layouts_.contains(id)) missing.push_back(id);
  }
  if (missing.empty()) return {};
  ASSIGN_OR_RETURN(const bool complete, Load(connection, missing));
  if (complete) return {};
  for (const int32_t host : loose_hosts_) RETURN_IF_ERROR(PlaceSeries(connection, host));
  ASSIGN_OR_RETURN(const bool placed, Load(connection, missing));
  if (!placed) return Fail(ErrorCode::kInternal, "host {}: series got no family", loose_hosts_[0]);
  return {};
}

// A series that was deleted from the catalogue has no row, and no place in any slice.
Result<bool> FamilyKeeper::Load(Connection& connection, std::span<const int64_t> layout_ids) {
  ASSIGN_OR_RETURN(const Rows rows,
                   connection.QueryBinary(
                       "/* pgvigil */ SELECT l.id, l.host_id, cardinality(l.series_ids)::int8,"
                       " u.ord, s.id, s.family_id, s.family_ord FROM pgvigil.layout l"
                       " CROSS JOIN unnest(l.series_ids) WITH ORDINALITY AS u(series_id, ord)"
                       " LEFT JOIN pgvigil.series s ON s.id = u.series_id"
                       " WHERE l.id = ANY ($1::int8[]) ORDER BY l.id, s.family_id, u.ord",
                       {ToArray(layout_ids)}));
  std::set<int32_t> loose;
  std::map<int64_t, LayoutFamilies> found;
  for (size_t row = 0; row < rows.size(); ++row) {
    LayoutFamilies& layout = found[rows.Int8(row, 0)];
    layout.series = static_cast<uint32_t>(rows.Int8(row, 2));
    if (rows.IsNull(row, 4)) continue;
    if (rows.IsNull(row, 5)) {
      loose.insert(rows.Int4(row, 1));
      continue;
    }
    const int64_t family_id = rows.Int8(row, 5);
    if (layout.slices.empty() || layout.slices.back().family_id != family_id) {
      layout.slices.push_back({family_id, 0, {}});
    }
    FamilySlice& slice = layout.slices.back();
    const auto ord = static_cast<size_t>(rows.Int2(row, 6));
    if (ord >= kFamilySeries || (slice.members >> ord & 1u) != 0) continue;
    slice.members |= static_cast<FamilyMembers>(1u << ord);
    slice.positions[ord] = static_cast<uint32_t>(rows.Int8(row, 3) - 1);
  }
  loose_hosts_.assign(loose.begin(), loose.end());
  if (!loose.empty()) return false;
  for (const int64_t id : layout_ids) found[id];  // one that does not exist has no series
  for (auto& [id, layout] : found) {
    series_ += layout.series;
    layouts_.insert_or_assign(id, std::move(layout));
  }
  return true;
}

const LayoutFamilies* FamilyKeeper::Find(int64_t layout_id) const {
  const auto found = layouts_.find(layout_id);
  return found == layouts_.end() ? nullptr : &found->second;
}

void FamilyKeeper::Forget() {
  layouts_.clear();
  series_ = 0;
}

}  // namespace collector::storage
