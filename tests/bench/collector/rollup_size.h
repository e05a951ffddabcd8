#pragma once

namespace collector::bench {

struct RollupSize {
  double bytes_per_raw_sample = 0;  // of both tiers: heap, index, TOAST
  double five_minutes = 0;          // of that the 5 min tier
  double wal_bytes_per_raw_sample = 0;
  double samples_per_s = 0;  // rolled up, both tiers, one thread
  // The same as rows (series, time, min, max, sum, count, last, increase) with a btree.
  double narrow_bytes_per_raw_sample = 0;
};

// Rollups of a day of some hosts with 500 series each, a tick each 10 s. Starts a server of its
// own; whatever fails ends the program.
RollupSize MeasureRollups(int hosts);

}  // namespace collector::bench
