#include "agent/pipeline/frame.h"

#include <cstring>
#include <functional>

#include "shared/base/check.h"
#include "shared/text/utf8.h"

namespace agent::pipeline {
namespace {

using shared::model::Labels;
using shared::model::Layout;
using shared::model::Series;

void AppendText(std::string& out, std::string_view text) {
  const auto size = static_cast<uint32_t>(text.size());
  char bytes[sizeof size];
  std::memcpy(bytes, &size, sizeof size);
  out.append(bytes, sizeof size);
  out.append(text);
}

// Takes the first text off `packed`. The two texts of a label always come together, so that
// `packed` is either empty or holds a whole one.
std::string_view TakeText(std::string_view& packed) {
  uint32_t size = 0;
  std::memcpy(&size, packed.data(), sizeof size);
  const std::string_view text = packed.substr(sizeof size, size);
  packed.remove_prefix(sizeof size + size);
  return text;
}

void Pack(std::span<const LabelView> labels, std::string& out) {
  out.clear();
  for (size_t i = 0; i < labels.size(); ++i) {
    CHECK(i == 0 || labels[i - 1].first < labels[i].first);  // sorted, each name once
    AppendText(out, labels[i].first);
    AppendText(out, labels[i].second);
  }
}

Labels Unpack(std::string_view packed) {
  constexpr size_t kMostValueBytes = 4096;  // pgvigil.v1.Attribute
  Labels out;
  while (!packed.empty()) {
    const std::string_view name = TakeText(packed);
    const std::string value = shared::text::CleanUtf8(TakeText(packed));
    out.push_back(
        {std::string(name), std::string(shared::text::TruncateUtf8(value, kMostValueBytes))});
  }
  return out;
}

bool SameMetric(const Metric& a, const Metric& b) {
  return &a == &b || (a.name == b.name && a.unit == b.unit && a.kind == b.kind);
}

size_t HashOf(const Metric& metric, const std::string& labels) {
  const std::hash<std::string_view> hash;
  return hash(metric.name) * 31 + hash(labels);
}

}  // namespace

FrameBuilder::FrameBuilder(Labels common_labels) : common_labels_(std::move(common_labels)) {}

void FrameBuilder::Begin() {
  cursor_ = 0;
}

void FrameBuilder::Add(const Metric& metric, std::span<const LabelView> labels, double value) {
  if (cursor_ < slots_.size() && Matches(slots_[cursor_], metric, labels)) {
    values_[cursor_++] = value;
    return;
  }
  Pack(labels, packed_);
  const size_t hash = HashOf(metric, packed_);
  if (SeenThisRound(metric, hash)) {
    duplicates_ += 1;
    return;
  }
  // Here the round leaves the shape of the one before: the rest of that one is forgotten.
  Truncate();
  slots_.push_back({&metric, packed_});
  values_.push_back(value);
  by_hash_.emplace(hash, cursor_++);
  changed_ = true;
}

FrameBuilder::Round FrameBuilder::End() {
  if (cursor_ < slots_.size()) {
    Truncate();
    changed_ = true;
  }
  if (changed_) {
    layout_ = BuildLayout();
    layouts_made_ += 1;
    changed_ = false;
  }
  return {layout_, values_};
}

void FrameBuilder::SetCommonLabels(Labels common_labels) {
  common_labels_ = std::move(common_labels);
  changed_ = true;
}

bool FrameBuilder::Matches(const Slot& slot, const Metric& metric,
                           std::span<const LabelView> labels) const {
  if (!SameMetric(*slot.metric, metric)) return false;
  std::string_view packed = slot.labels;
  for (const auto& [name, value] : labels) {
    if (packed.empty() || TakeText(packed) != name || TakeText(packed) != value) return false;
  }
  return packed.empty();
}

bool FrameBuilder::SeenThisRound(const Metric& metric, size_t hash) const {
  const auto [first, last] = by_hash_.equal_range(hash);
  for (auto it = first; it != last; ++it) {
    const size_t index = it->second;
    if (index < cursor_ && slots_[index].metric->name == metric.name &&
        slots_[index].labels == packed_) {
      return true;
    }
  }
  return false;
}

void FrameBuilder::Truncate() {
  if (cursor_ == slots_.size()) return;
  slots_.resize(cursor_);
  values_.resize(cursor_);
  std::erase_if(by_hash_, [this](const auto& entry) { return entry.second >= cursor_; });
}

std::shared_ptr<const Layout> FrameBuilder::BuildLayout() {
  auto layout = std::make_shared<Layout>();
  layout->common_labels = common_labels_;
  layout->series.reserve(slots_.size());
  for (const Slot& slot : slots_) {
    layout->series.push_back(Series{std::string(slot.metric->name), std::string(slot.metric->unit),
                                    slot.metric->kind, Unpack(slot.labels)});
  }
  layout->hash = ComputeHash(layout->common_labels, layout->series);
  return layout;
}

}  // namespace agent::pipeline
