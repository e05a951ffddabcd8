#include "agent/host/vmstat.h"

#include <algorithm>

#include "shared/text/cursor.h"

namespace agent::host {
namespace {

using pipeline::Metric;
using shared::ErrorCode;
using shared::Fail;
using shared::model::MetricKind;

using Slot = std::optional<uint64_t> Vmstat::*;

constexpr Metric kFaults{"system.paging.faults", "{fault}", MetricKind::kCounter};
constexpr Metric kSwap{"system.paging.operations", "{operation}", MetricKind::kCounter};
constexpr Metric kPagingIo{"system.linux.paging.io", "By", MetricKind::kCounter};
constexpr Metric kScanned{"system.linux.reclaim.scanned", "{page}", MetricKind::kCounter};
constexpr Metric kReclaimed{"system.linux.reclaim.reclaimed", "{page}", MetricKind::kCounter};

// What is sent as it is and without labels.
struct Plain {
  Slot slot;
  Metric metric;
};
constexpr MetricKind kCounter = MetricKind::kCounter;
constexpr Plain kPlain[] = {
    {&Vmstat::allocation_stalls, {"system.linux.reclaim.allocation_stalls", "{stall}", kCounter}},
    {&Vmstat::workingset_refaults, {"system.linux.reclaim.refaults", "{page}", kCounter}},
    {&Vmstat::oom_kills, {"system.linux.oom_kills", "{process}", kCounter}},
    {&Vmstat::dirtied, {"system.linux.memory.dirtied", "{page}", kCounter}},
    {&Vmstat::written, {"system.linux.memory.written", "{page}", kCounter}},
    {&Vmstat::compaction_stalls, {"system.linux.compaction.stalls", "{stall}", kCounter}},
    {&Vmstat::compaction_failures, {"system.linux.compaction.failures", "{failure}", kCounter}},
    {&Vmstat::thp_faults, {"system.linux.thp.faults", "{fault}", kCounter}},
    {&Vmstat::thp_fallbacks, {"system.linux.thp.fallbacks", "{fault}", kCounter}},
    {&Vmstat::thp_splits, {"system.linux.thp.splits", "{page}", kCounter}},
    {&Vmstat::numa_hits, {"system.linux.numa.hits", "{page}", kCounter}},
    {&Vmstat::numa_misses, {"system.linux.numa.misses", "{page}", kCounter}},
};

// Sorted by name, for it is searched once for each of 200 lines.
struct Field {
  std::string_view name;
  Slot slot;
};
constexpr Field kFields[] = {
    {"allocstall", &Vmstat::allocation_stalls},
    {"compact_fail", &Vmstat::compaction_failures},
    {"compact_stall", &Vmstat::compaction_stalls},
    {"nr_dirtied", &Vmstat::dirtied},
    {"nr_written", &Vmstat::written},
    {"numa_hit", &Vmstat::numa_hits},
    {"numa_miss", &Vmstat::numa_misses},
    {"oom_kill", &Vmstat::oom_kills},
    {"pgfault", &Vmstat::faults},
    {"pgmajfault", &Vmstat::major_faults},
    {"pgpgin", &Vmstat::paged_in_kib},
    {"pgpgout", &Vmstat::paged_out_kib},
    {"pgscan_direct", &Vmstat::scanned_direct},
    {"pgscan_kswapd", &Vmstat::scanned_kswapd},
    {"pgsteal_direct", &Vmstat::reclaimed_direct},
    {"pgsteal_kswapd", &Vmstat::reclaimed_kswapd},
    {"pswpin", &Vmstat::swapped_in},
    {"pswpout", &Vmstat::swapped_out},
    {"thp_fault_alloc", &Vmstat::thp_faults},
    {"thp_fault_fallback", &Vmstat::thp_fallbacks},
    {"thp_split", &Vmstat::thp_splits},
    {"thp_split_page", &Vmstat::thp_splits},  // the name from 4.5 on
    {"workingset_refault", &Vmstat::workingset_refaults},
};
static_assert(std::ranges::is_sorted(kFields, {}, &Field::name));

// "pgscan_kswapd_dma32" -> "pgscan_kswapd", "workingset_refault_anon" -> "workingset_refault".
std::string_view WithoutZone(std::string_view name) {
  constexpr std::string_view kSuffixes[] = {"dma",     "dma32",  "normal", "high",
                                            "movable", "device", "anon",   "file"};
  const size_t cut = name.rfind('_');
  if (cut == std::string_view::npos) return name;
  const std::string_view suffix = name.substr(cut + 1);
  return std::ranges::find(kSuffixes, suffix) == std::end(kSuffixes) ? name : name.substr(0, cut);
}

const Field* Find(std::string_view name) {
  // Most lines are pages by state ("nr_free_pages") or belong to parts of the kernel that we leave
  // out; the first letter sorts out what the table cannot have.
  constexpr std::string_view kFirstLetters = "acnoptw";
  if (name.empty() || kFirstLetters.find(name.front()) == std::string_view::npos) return nullptr;
  const std::string_view key = WithoutZone(name);
  const Field* field = std::ranges::lower_bound(kFields, key, {}, &Field::name);
  return field != std::end(kFields) && field->name == key ? field : nullptr;
}

void AddDirections(const Metric& metric, std::optional<uint64_t> in, std::optional<uint64_t> out,
                   double scale, pipeline::FrameBuilder& frame) {
  if (in) frame.Add(metric, {{"system.paging.direction", "in"}}, static_cast<double>(*in) * scale);
  if (out) {
    frame.Add(metric, {{"system.paging.direction", "out"}}, static_cast<double>(*out) * scale);
  }
}

void AddReclaimers(const Metric& metric, std::optional<uint64_t> kswapd,
                   std::optional<uint64_t> direct, pipeline::FrameBuilder& frame) {
  constexpr std::string_view kLabel = "system.linux.reclaimer";
  if (kswapd) frame.Add(metric, {{kLabel, "kswapd"}}, static_cast<double>(*kswapd));
  if (direct) frame.Add(metric, {{kLabel, "direct"}}, static_cast<double>(*direct));
}

}  // namespace

shared::Result<Vmstat> ParseVmstat(std::string_view text) {
  Vmstat out;
  bool known = false;
  for (shared::text::LineCursor lines(text); lines.Next();) {
    const std::string_view line = lines.line();
    const size_t space = line.find(' ');
    const std::string_view name = line.substr(0, space);
    const Field* field = Find(name);
    if (field == nullptr) continue;
    const auto number = space == std::string_view::npos
                            ? std::nullopt
                            : shared::text::ParseNumber<uint64_t>(line.substr(space + 1));
    if (!number) {
      return Fail(ErrorCode::kMalformed, "line {}: {}: no number", lines.number(), name);
    }
    std::optional<uint64_t>& sum = out.*field->slot;
    sum = sum.value_or(0) + *number;
    known = true;
  }
  if (!known) return Fail(ErrorCode::kMalformed, "no known counter");
  return out;
}

void Emit(const Vmstat& vmstat, pipeline::FrameBuilder& frame) {
  if (vmstat.faults && vmstat.major_faults) {
    // Not of one instant: a fault may be counted as major before it is counted at all.
    const uint64_t major = *vmstat.major_faults;
    const uint64_t minor = *vmstat.faults > major ? *vmstat.faults - major : 0;
    frame.Add(kFaults, {{"system.paging.fault.type", "minor"}}, static_cast<double>(minor));
    frame.Add(kFaults, {{"system.paging.fault.type", "major"}}, static_cast<double>(major));
  }
  AddDirections(kSwap, vmstat.swapped_in, vmstat.swapped_out, 1, frame);
  AddDirections(kPagingIo, vmstat.paged_in_kib, vmstat.paged_out_kib, 1024, frame);
  AddReclaimers(kScanned, vmstat.scanned_kswapd, vmstat.scanned_direct, frame);
  AddReclaimers(kReclaimed, vmstat.reclaimed_kswapd, vmstat.reclaimed_direct, frame);
  for (const Plain& plain : kPlain) {
    const std::optional<uint64_t>& value = vmstat.*plain.slot;
    if (value) frame.Add(plain.metric, {}, static_cast<double>(*value));
  }
}

}  // namespace agent::host
