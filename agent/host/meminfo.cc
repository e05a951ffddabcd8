#include "agent/host/meminfo.h"

#include "shared/text/cursor.h"

namespace agent::host {
namespace {

using pipeline::Metric;
using shared::ErrorCode;
using shared::Fail;
using shared::model::MetricKind;
using shared::text::FieldCursor;
using shared::text::LineCursor;

using Slot = std::optional<uint64_t> Meminfo::*;

constexpr MetricKind kUpDown = MetricKind::kUpDownCounter;
constexpr Metric kUsage{"system.memory.usage", "By", kUpDown};
constexpr Metric kSlab{"system.memory.linux.slab.usage", "By", kUpDown};
constexpr Metric kPaging{"system.paging.usage", "By", kUpDown};
constexpr Metric kHugepages{"system.memory.linux.hugepages.usage", "{page}", kUpDown};

// What is sent as it is, in this order.
struct Plain {
  Slot slot;
  Metric metric;
};
constexpr Plain kPlain[] = {
    {&Meminfo::total_bytes, {"system.memory.limit", "By", kUpDown}},
    {&Meminfo::available_bytes, {"system.memory.linux.available", "By", kUpDown}},
    {&Meminfo::shmem_bytes, {"system.memory.linux.shared", "By", kUpDown}},
    {&Meminfo::hugepages_total, {"system.memory.linux.hugepages.limit", "{page}", kUpDown}},
    {&Meminfo::hugepages_reserved, {"system.memory.linux.hugepages.reserved", "{page}", kUpDown}},
    {&Meminfo::hugepages_surplus, {"system.memory.linux.hugepages.surplus", "{page}", kUpDown}},
    {&Meminfo::hugepage_bytes, {"system.memory.linux.hugepages.page_size", "By", kUpDown}},
    {&Meminfo::swap_cached_bytes, {"system.linux.memory.swap_cached", "By", kUpDown}},
    {&Meminfo::active_bytes, {"system.linux.memory.active", "By", kUpDown}},
    {&Meminfo::inactive_bytes, {"system.linux.memory.inactive", "By", kUpDown}},
    {&Meminfo::unevictable_bytes, {"system.linux.memory.unevictable", "By", kUpDown}},
    {&Meminfo::mlocked_bytes, {"system.linux.memory.locked", "By", kUpDown}},
    {&Meminfo::dirty_bytes, {"system.linux.memory.dirty", "By", kUpDown}},
    {&Meminfo::writeback_bytes, {"system.linux.memory.writeback", "By", kUpDown}},
    {&Meminfo::anonymous_bytes, {"system.linux.memory.anonymous", "By", kUpDown}},
    {&Meminfo::mapped_bytes, {"system.linux.memory.mapped", "By", kUpDown}},
    {&Meminfo::kernel_stack_bytes, {"system.linux.memory.kernel_stack", "By", kUpDown}},
    {&Meminfo::page_tables_bytes, {"system.linux.memory.page_tables", "By", kUpDown}},
    {&Meminfo::percpu_bytes, {"system.linux.memory.percpu", "By", kUpDown}},
    {&Meminfo::anonymous_huge_bytes, {"system.linux.memory.anonymous_huge", "By", kUpDown}},
    {&Meminfo::committed_bytes, {"system.linux.memory.committed", "By", kUpDown}},
    {&Meminfo::commit_limit_bytes, {"system.linux.memory.commit_limit", "By", kUpDown}},
};

constexpr std::pair<std::string_view, Slot> kFields[] = {
    {"MemTotal", &Meminfo::total_bytes},
    {"MemFree", &Meminfo::free_bytes},
    {"MemAvailable", &Meminfo::available_bytes},
    {"Buffers", &Meminfo::buffers_bytes},
    {"Cached", &Meminfo::cached_bytes},
    {"SwapCached", &Meminfo::swap_cached_bytes},
    {"Active", &Meminfo::active_bytes},
    {"Inactive", &Meminfo::inactive_bytes},
    {"Unevictable", &Meminfo::unevictable_bytes},
    {"Mlocked", &Meminfo::mlocked_bytes},
    {"SwapTotal", &Meminfo::swap_total_bytes},
    {"SwapFree", &Meminfo::swap_free_bytes},
    {"Dirty", &Meminfo::dirty_bytes},
    {"Writeback", &Meminfo::writeback_bytes},
    {"AnonPages", &Meminfo::anonymous_bytes},
    {"Mapped", &Meminfo::mapped_bytes},
    {"Shmem", &Meminfo::shmem_bytes},
    {"SReclaimable", &Meminfo::slab_reclaimable_bytes},
    {"SUnreclaim", &Meminfo::slab_unreclaimable_bytes},
    {"KernelStack", &Meminfo::kernel_stack_bytes},
    {"PageTables", &Meminfo::page_tables_bytes},
    {"CommitLimit", &Meminfo::commit_limit_bytes},
    {"Committed_AS", &Meminfo::committed_bytes},
    {"Percpu", &Meminfo::percpu_bytes},
    {"AnonHugePages", &Meminfo::anonymous_huge_bytes},
    {"HugePages_Total", &Meminfo::hugepages_total},
    {"HugePages_Free", &Meminfo::hugepages_free},
    {"HugePages_Rsvd", &Meminfo::hugepages_reserved},
    {"HugePages_Surp", &Meminfo::hugepages_surplus},
    {"Hugepagesize", &Meminfo::hugepage_bytes},
};

// a - b, but 0 where that would be negative: the fields of one reading are not of one instant.
uint64_t Minus(uint64_t a, uint64_t b) {
  return a > b ? a - b : 0;
}

void EmitUsage(const Meminfo& meminfo, pipeline::FrameBuilder& frame) {
  if (!meminfo.free_bytes || !meminfo.buffers_bytes || !meminfo.cached_bytes) return;
  const uint64_t cached = *meminfo.cached_bytes + meminfo.slab_reclaimable_bytes.value_or(0);
  const uint64_t not_used = *meminfo.free_bytes + *meminfo.buffers_bytes + cached;
  const std::pair<std::string_view, uint64_t> states[] = {
      {"used", Minus(*meminfo.total_bytes, not_used)},
      {"free", *meminfo.free_bytes},
      {"buffers", *meminfo.buffers_bytes},
      {"cached", cached}};
  for (const auto& [state, bytes] : states) {
    frame.Add(kUsage, {{"system.memory.state", state}}, static_cast<double>(bytes));
  }
}

// Two series, what is free and what is not of `total`.
void EmitFreeAndUsed(const Metric& metric, std::string_view label, std::optional<uint64_t> total,
                     std::optional<uint64_t> free, pipeline::FrameBuilder& frame) {
  if (!total || !free) return;
  frame.Add(metric, {{label, "used"}}, static_cast<double>(Minus(*total, *free)));
  frame.Add(metric, {{label, "free"}}, static_cast<double>(*free));
}

}  // namespace

shared::Result<Meminfo> ParseMeminfo(std::string_view text) {
  Meminfo out;
  for (LineCursor lines(text); lines.Next();) {
    FieldCursor fields(lines.line());
    const std::string_view key = fields.TakeUntil(':');
    for (const auto& [name, slot] : kFields) {  // any other key: a newer kernel's, skipped
      if (key != name) continue;
      const std::optional<uint64_t> number = fields.TakeNumber<uint64_t>();
      if (!number) {
        return Fail(ErrorCode::kMalformed, "line {}: {}: no number", lines.number(), key);
      }
      out.*slot = fields.Take() == "kB" ? *number * 1024 : *number;
      break;
    }
  }
  if (!out.total_bytes) return Fail(ErrorCode::kMalformed, "MemTotal is missing");
  return out;
}

void Emit(const Meminfo& meminfo, pipeline::FrameBuilder& frame) {
  EmitUsage(meminfo, frame);
  for (const Plain& plain : kPlain) {
    const std::optional<uint64_t>& value = meminfo.*plain.slot;
    if (value) frame.Add(plain.metric, {}, static_cast<double>(*value));
  }
  const auto add_slab = [&](std::string_view state, std::optional<uint64_t> bytes) {
    if (!bytes) return;
    frame.Add(kSlab, {{"system.memory.linux.slab.state", state}}, static_cast<double>(*bytes));
  };
  add_slab("reclaimable", meminfo.slab_reclaimable_bytes);
  add_slab("unreclaimable", meminfo.slab_unreclaimable_bytes);
  EmitFreeAndUsed(kPaging, "system.paging.state", meminfo.swap_total_bytes, meminfo.swap_free_bytes,
                  frame);
  EmitFreeAndUsed(kHugepages, "system.memory.linux.hugepages.state", meminfo.hugepages_total,
                  meminfo.hugepages_free, frame);
}

}  // namespace agent::host
