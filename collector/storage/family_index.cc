#include "collector/storage/family_index.h"

#include <mutex>

#include "collector/storage/chunks/chunk_codec.h"
#include "collector/storage/sql_text.h"

namespace collector::storage {
namespace {

using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::postgres::Rows;

// Above it all are forgotten, and those still in use are met again: about 20 MB.
constexpr size_t kMaxPlaces = 400'000;

}  // namespace

Result<std::unordered_map<int64_t, FamilyPlace>> FamilyIndex::Find(
    ReadSession& session, std::span<const int64_t> series) {
  std::unordered_map<int64_t, FamilyPlace> out;
  out.reserve(series.size());
  ArrayText unknown;
  size_t unknown_count = 0;
  {
    const std::shared_lock lock(mutex_);
    for (const int64_t id : series) {
      if (const auto place = places_.find(id); place != places_.end()) {
        out.emplace(id, place->second);
      } else {
        unknown.Add(id);
        unknown_count += 1;
      }
    }
  }
  if (unknown_count == 0) return out;
  ASSIGN_OR_RETURN(const Rows rows,
                   session.QueryBinary("/* pgvigil families */ SELECT id, family_id, family_ord"
                                       " FROM pgvigil.series"
                                       " WHERE id = ANY ($1::int8[]) AND family_id IS NOT NULL",
                                       {unknown.Take()}));
  const std::unique_lock lock(mutex_);
  if (places_.size() > kMaxPlaces) places_.clear();
  for (size_t row = 0; row < rows.size(); ++row) {
    const FamilyPlace place{rows.Int8(row, 1), rows.Int2(row, 2)};
    if (place.ord < 0 || static_cast<size_t>(place.ord) >= kFamilySeries) {
      return Fail(ErrorCode::kInternal, "series {} is number {} of a family", rows.Int8(row, 0),
                  place.ord);
    }
    out.emplace(rows.Int8(row, 0), place);
    places_.emplace(rows.Int8(row, 0), place);
  }
  return out;
}

}  // namespace collector::storage
