#include "agent/postgres/statements/delta.h"

#include <algorithm>
#include <limits>
#include <optional>

namespace agent::postgres::statements {
namespace {

using shared::WallTime;

// How the statistics of two readings hang together.
enum class History {
  kContinued,  // the same statistics, perhaps after evictions and clean restarts
  kReset,      // all entries of the newer were created after the older reading
  kUnrelated,  // another server's, or restored from before the older reading
};

History Judge(const Reading& older, const Reading& newer) {
  const Epoch& before = older.epoch();
  const Epoch& now = newer.epoch();
  if (older.has_toplevel() != newer.has_toplevel()) return History::kUnrelated;  // other keys
  // Extension 1.8 shows no stats_reset: each entry must speak for itself.
  if (before.stats_reset == WallTime() || now.stats_reset == WallTime()) return History::kContinued;
  if (before.stats_reset != now.stats_reset) {
    return now.stats_reset >= before.server_time ? History::kReset : History::kUnrelated;
  }
  return now.dealloc >= before.dealloc ? History::kContinued : History::kUnrelated;
}

// Whether all that can only grow did.
bool Grew(const Counters& before, const Counters& now, ColumnSet columns) {
  size_t index = 0;
  for (const Column& column : Columns()) {
    if (((columns >> index++) & 1) == 0) continue;
    if (column.kind == ColumnKind::kCount && now.*column.count < before.*column.count) return false;
    if (column.kind == ColumnKind::kTime && now.*column.real < before.*column.real) return false;
  }
  return true;
}

// Whether `now` can be what `before` became without a new beginning. Never false for an entry that
// lived on: the tolerances are the rounding errors that the server's sums can have.
bool Continues(const Counters& before, const Counters& now, ColumnSet columns) {
  if (!Grew(before, now, columns)) return false;
  if (now.min_exec_time > before.min_exec_time || now.max_exec_time < before.max_exec_time) {
    return false;
  }
  // Each execution since then took between min and max. One addition of the server's rounds by at
  // most half a unit in the last place of the sum.
  const double calls = static_cast<double>(now.calls - before.calls);
  const double time = now.total_exec_time - before.total_exec_time;
  const double rounding =
      (calls + 2) * now.total_exec_time * std::numeric_limits<double>::epsilon();
  if (time < calls * now.min_exec_time * (1 - 1e-12) - rounding) return false;
  if (time > calls * now.max_exec_time * (1 + 1e-12) + rounding) return false;
  // The sum of squared deviations (Welford's, as the server keeps it) grows too.
  const auto squares = [](const Counters& c) {
    return c.stddev_exec_time * c.stddev_exec_time * static_cast<double>(c.calls);
  };
  return squares(now) * (1 + 1e-9) >= squares(before) * (1 - 1e-9);
}

// `now` less `before` in the columns of `columns`; the others' differences are 0. Gauges stay.
Counters Subtract(const Counters& before, const Counters& now, ColumnSet columns) {
  Counters out = now;
  size_t index = 0;
  for (const Column& column : Columns()) {
    const bool known = ((columns >> index++) & 1) != 0;
    if (column.kind == ColumnKind::kCount) {
      out.*column.count = known ? now.*column.count - before.*column.count : 0;
    } else if (column.kind == ColumnKind::kTime) {
      out.*column.real = known ? now.*column.real - before.*column.real : 0;
    }
  }
  return out;
}

bool IsZero(const Counters& difference) {
  return std::all_of(Columns().begin(), Columns().end(), [&](const Column& column) {
    if (column.kind == ColumnKind::kCount) return difference.*column.count == 0;
    return column.kind == ColumnKind::kGauge || difference.*column.real == 0;
  });
}

// Judges the entries of one pair of readings.
class Comparison {
 public:
  Comparison(const Reading& older, const Reading& newer)
      : older_(older),
        newer_(newer),
        columns_(ColumnsOf(older.extension()) & ColumnsOf(newer.extension())),
        since_known_(older.has_stats_since() && newer.has_stats_since()),
        restarted_(older.epoch().postmaster_start != newer.epoch().postmaster_start),
        history_(Judge(older, newer)) {
    if (history_ == History::kContinued && restarted_ && since_known_ && WentBack()) {
      history_ = History::kUnrelated;
    }
  }

  [[nodiscard]] History history() const { return history_; }
  [[nodiscard]] bool restarted() const { return restarted_; }

  // An entry that is in both readings; nullopt: its growth cannot be told.
  [[nodiscard]] std::optional<EntryDelta> Known(size_t older, size_t newer) const {
    if (history_ == History::kUnrelated) return std::nullopt;
    if (history_ == History::kReset) return Whole(newer, DeltaKind::kReincarnated);
    const Counters before = older_.counters(older);
    const Counters now = newer_.counters(newer);
    if (since_known_ && !older_.merged(older) && !newer_.merged(newer)) {
      if (older_.stats_since(older) == newer_.stats_since(newer)) {
        if (!Grew(before, now, columns_)) return std::nullopt;
        return Difference(newer, before, now);
      }
      if (!BeganLater(newer)) return std::nullopt;
      return Whole(newer, DeltaKind::kReincarnated);
    }
    if (Continues(before, now, columns_)) return Difference(newer, before, now);
    // Of several rows in one, some may have lived on. And from 1.11 on, which the older reading was
    // not yet, the minimum and maximum alone can be reset.
    if (older_.merged(older)) return std::nullopt;
    if (newer_.has_stats_since() && !BeganLater(newer)) return std::nullopt;
    return Whole(newer, DeltaKind::kReincarnated);
  }

  // An entry that only the newer reading has.
  [[nodiscard]] std::optional<EntryDelta> Unseen(size_t newer) const {
    if (history_ == History::kUnrelated) return std::nullopt;
    if (history_ == History::kReset) return Whole(newer, DeltaKind::kNew);
    // The role could not see all rows then, so the entry may have been there.
    if (older_.hidden() > 0 && !BeganLater(newer)) return std::nullopt;
    // Not compared with stats_since: an entry is created when its statement is parsed and appears
    // when that first ends, so it may be older than the reading that did not show it.
    return Whole(newer, DeltaKind::kNew);
  }

 private:
  [[nodiscard]] bool BeganLater(size_t newer) const {
    return newer_.has_stats_since() && newer_.stats_since(newer) >= older_.epoch().server_time;
  }

  // Whether the server was put back to a state from before the older reading: an entry has less
  // than it had in the same life, or began anew at a time when it had long begun.
  [[nodiscard]] bool WentBack() const {
    size_t old_entry = 0;
    for (size_t entry = 0; entry < newer_.size(); ++entry) {
      const Key key = newer_.key(entry);
      while (old_entry < older_.size() && older_.key(old_entry) < key) old_entry += 1;
      if (old_entry == older_.size()) return false;
      if (older_.key(old_entry) != key) continue;
      if (older_.stats_since(old_entry) == newer_.stats_since(entry)) {
        if (!Grew(older_.counters(old_entry), newer_.counters(entry), columns_)) return true;
      } else if (!BeganLater(entry)) {
        return true;
      }
    }
    return false;
  }

  [[nodiscard]] EntryDelta Whole(size_t newer, DeltaKind kind) const {
    EntryDelta out{.key = newer_.key(newer), .kind = kind, .since = {}, .counters = {}};
    out.counters = newer_.counters(newer);
    if (BeganLater(newer)) {
      out.since = newer_.stats_since(newer);
    } else if (history_ == History::kReset) {
      out.since = newer_.epoch().stats_reset;
    }
    return out;
  }

  [[nodiscard]] EntryDelta Difference(size_t newer, const Counters& before,
                                      const Counters& now) const {
    return {.key = newer_.key(newer),
            .kind = DeltaKind::kDifference,
            .since = {},
            .counters = Subtract(before, now, columns_)};
  }

  const Reading& older_;
  const Reading& newer_;
  const ColumnSet columns_;
  const bool since_known_;
  const bool restarted_;
  History history_;
};

uint64_t Evicted(History history, const Epoch& before, const Epoch& now) {
  switch (history) {
    case History::kContinued:
      return now.dealloc - std::min(now.dealloc, before.dealloc);
    case History::kReset:
      return now.dealloc;
    case History::kUnrelated:
      return 0;
  }
  return 0;
}

}  // namespace

DeltaSummary Diff(const Reading& older, const Reading& newer,
                  const std::function<void(const EntryDelta&)>& emit) {
  const Comparison comparison(older, newer);
  DeltaSummary out;
  size_t old_entry = 0;
  for (size_t entry = 0; entry < newer.size(); ++entry) {
    const Key key = newer.key(entry);
    while (old_entry < older.size() && older.key(old_entry) < key) {
      out.vanished += 1;
      old_entry += 1;
    }
    const bool known = old_entry < older.size() && older.key(old_entry) == key;
    const std::optional<EntryDelta> delta =
        known ? comparison.Known(old_entry, entry) : comparison.Unseen(entry);
    if (known) old_entry += 1;
    if (!delta) {
      out.unknown += 1;
      continue;
    }
    if (delta->kind == DeltaKind::kReincarnated) out.reincarnated += 1;
    if (!IsZero(delta->counters)) emit(*delta);
  }
  out.vanished += static_cast<uint32_t>(older.size() - old_entry);
  out.evicted = Evicted(comparison.history(), older.epoch(), newer.epoch());
  const bool maybe_lost =
      comparison.restarted() && newer.epoch().stats_reset == WallTime();  // 1.8 does not say
  out.partial = comparison.history() != History::kContinued || maybe_lost || out.evicted > 0 ||
                out.vanished > 0 || out.reincarnated > 0 || out.unknown > 0;
  return out;
}

}  // namespace agent::postgres::statements
