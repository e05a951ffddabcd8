#include "collector/ingest/foreign/point_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "collector/ingest/foreign/envelope.h"
#include "shared/text/utf8.h"

namespace collector::ingest::foreign {
namespace {

using shared::model::Label;
using shared::model::Labels;
using shared::model::Series;

// A beginning of a sender's string that fits a message.
std::string Excerpt(std::string_view text) {
  return shared::text::CleanUtf8(shared::text::TruncateUtf8(text, 80));
}

size_t SizeOf(const Series& series) {
  size_t bytes = sizeof series + series.name.size() + series.unit.size();
  for (const Label& label : series.labels) {
    bytes += sizeof label + label.name.size() + label.value.size();
  }
  return bytes;
}

bool HasNul(const std::string& text) {
  return text.find('\0') != std::string::npos;
}

}  // namespace

PointTable::Family& PointTable::Open(const Source& source, const std::string& name) {
  Family& family = hosts_[source.host][{source.common, name}];
  family.common = source.common;
  return family;
}

std::string_view PointTable::Fault(const Family& family, const Series& series, uint64_t unix_nano,
                                   std::string& example) const {
  example = fmt::format("'{}'", Excerpt(series.name));
  if (points_ >= limits_.points) return "point_limit";
  if (series.name.empty()) return "unnamed_metric";
  if (series.name.size() > limits_.label_name_bytes) return "label_limit";
  if (HasNul(series.name) || HasNul(series.unit)) return "nul_byte";
  if (series.unit.size() > limits_.unit_bytes) return "unit_limit";
  if (!limits_.TakesPoint(unix_nano, now_)) {
    example += fmt::format(" at {}", unix_nano);
    return "timestamp_out_of_range";
  }
  if (series.labels.size() + family.common.size() > limits_.labels_per_series) {
    example += fmt::format(": {} labels, at most {}", series.labels.size() + family.common.size(),
                           limits_.labels_per_series);
    return "label_limit";
  }
  const Label* previous = nullptr;
  for (const Label& label : series.labels) {
    std::string_view fault = LabelFault(label, limits_);
    if (fault.empty() && previous != nullptr && previous->name == label.name) {
      fault = "repeated_label";
    }
    if (!fault.empty()) {
      example += fmt::format(": label '{}'", Excerpt(label.name));
      return fault;
    }
    previous = &label;
  }
  return {};
}

void PointTable::Add(Family& family, Series series, uint64_t unix_nano, double value) {
  std::erase_if(series.labels, [](const Label& label) { return label.value.empty(); });
  std::sort(series.labels.begin(), series.labels.end());
  std::string example;
  if (const std::string_view fault = Fault(family, series, unix_nano, example); !fault.empty()) {
    refusals_.Add(fault, 1, std::move(example));
    return;
  }
  std::pair key(series.name, series.labels);
  auto found = family.series.find(key);
  if (found == family.series.end()) {
    // The labels of a histogram are repeated for each of its buckets: a small record can ask for
    // much.
    series_bytes_ += SizeOf(series);
    if (series_bytes_ > limits_.series_bytes) {
      refusals_.Add("series_limit", 1, std::move(example));
      return;
    }
    found = family.series.emplace(std::move(key), SeriesPoints{std::move(series), {}}).first;
  } else if (const Series& first = found->second.series;
             first.kind != series.kind || first.unit != series.unit) {
    refusals_.Add("conflicting_series", 1,
                  fmt::format("{}: {} in '{}' after {} in '{}'", example,
                              shared::model::KindName(series.kind), Excerpt(series.unit),
                              shared::model::KindName(first.kind), Excerpt(first.unit)));
    return;
  }
  found->second.points.emplace_back(static_cast<int64_t>(unix_nano), value);
  points_ += 1;
}

// By time; of several at one time the first stays.
void PointTable::SortPoints(SeriesPoints& series) {
  std::stable_sort(series.points.begin(), series.points.end(),
                   [](const auto& left, const auto& right) { return left.first < right.first; });
  const auto end = std::unique(
      series.points.begin(), series.points.end(), [&](const auto& kept, const auto& next) {
        if (kept.first != next.first) return false;
        if (std::bit_cast<uint64_t>(kept.second) != std::bit_cast<uint64_t>(next.second)) {
          refusals_.Add("conflicting_point", 1,
                        fmt::format("'{}' at {}: {} after {}", Excerpt(series.series.name),
                                    next.first, next.second, kept.second));
        }
        return true;
      });
  series.points.erase(end, series.points.end());
}

std::vector<pgvigil::v1::Batch> PointTable::Take(const ForeignRecord& record) {
  shared::wire::BlockEncoder encoder;
  std::vector<pgvigil::v1::Batch> batches;
  for (auto& [host, families] : hosts_) {
    pgvigil::v1::Batch batch = MakeEnvelope(record, host, pgvigil::v1::STREAM_METRICS);
    for (auto& [key, family] : families) {
      std::vector<const SeriesPoints*> members;
      for (auto& [identity, series] : family.series) {
        SortPoints(series);
        members.push_back(&series);
      }
      AppendBlocks(family.common, members, encoder, batch);
    }
    if (batch.blocks_size() > 0) batches.push_back(std::move(batch));
  }
  hosts_.clear();
  points_ = 0;
  series_bytes_ = 0;
  return batches;
}

}  // namespace collector::ingest::foreign
