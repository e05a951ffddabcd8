#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>

#include "collector/storage/catalogue.h"
#include "collector/storage/series_admission.h"

namespace collector::storage {

struct LayoutEntry {
  int64_t id = 0;       // 0: the layout itself was refused, none of its blocks can be stored
  uint32_t series = 0;  // how many
  uint32_t refused_series = 0;  // how many of them: 0 in layout.series_ids
  std::string refused;          // what was refused and why, if this process did it
};

// Registers layouts and their series, as Catalogue does hosts, and is the admission point of new
// series: over a limit (SeriesLimits) new ones are refused, by name, while those that are
// registered flow on, also in a new layout together with refused ones. A layout with refused series
// is asked for again after an hour (Find says that it is missing) and then filled in as far as
// there is room. A metric that changes unit or kind makes new series: both are in the fingerprint.
//
// Used by one writer thread with its connection, outside a transaction. Remembers at most some
// 500,000 layouts and metrics, then starts over.
class LayoutRegistry {
 public:
  LayoutRegistry(const shared::Clock& clock, SeriesLimits limits)
      : clock_(clock), limits_(limits), admission_(clock, limits) {}

  // kInvalidInput: hash and content disagree. Refusing is no error: see Find.
  shared::Result<void> Register(shared::postgres::Connection& connection, access::TenantId tenant,
                                HostId host, const pgvigil::v1::Layout& layout);
  // nullopt: the sender has to send this layout (again).
  shared::Result<std::optional<LayoutEntry>> Find(shared::postgres::Connection& connection,
                                                  HostId host, const std::string& hash);
  void Forget();

 private:
  using Key = std::pair<int32_t, std::string>;  // host, hash
  struct CachedLayout {
    LayoutEntry layout;
    shared::MonotonicTime touched;         // layout.last_seen
    shared::MonotonicTime series_touched;  // series.last_seen
    shared::MonotonicTime retry;           // when it is asked for again, with refused series
    bool wanted = false;                   // it is
  };
  struct RefusedLayout {
    LayoutEntry layout;
    shared::MonotonicTime retry;
  };
  struct Draft;

  shared::Result<std::unordered_map<std::string, int32_t>> Metrics(
      shared::postgres::Connection& connection, access::TenantId tenant,
      const std::set<std::string>& names);
  shared::Result<int64_t> AddWithNewSeries(shared::postgres::Connection& connection,
                                           access::TenantId tenant, HostId host, Draft& draft);
  shared::Result<void> AddSeries(shared::postgres::Connection& connection, access::TenantId tenant,
                                 HostId host, Draft& draft);
  shared::Result<int64_t> AddLayout(shared::postgres::Connection& connection, HostId host,
                                    const Draft& draft);
  static shared::Result<std::optional<LayoutEntry>> Read(shared::postgres::Connection& connection,
                                                         HostId host, const std::string& hash);
  shared::Result<void> Touch(shared::postgres::Connection& connection, CachedLayout& cached);

  const shared::Clock& clock_;
  const SeriesLimits limits_;
  SeriesAdmission admission_;
  std::map<std::pair<int32_t, std::string>, int32_t> metrics_;  // tenant, name
  std::map<Key, CachedLayout> layouts_;
  std::map<Key, RefusedLayout> refused_;
};

}  // namespace collector::storage
