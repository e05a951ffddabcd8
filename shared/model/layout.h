#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/model/labels.h"

namespace shared::model {

// As pgvigil.v1.MetricKind.
enum class MetricKind : uint8_t { kUnspecified = 0, kGauge = 1, kCounter = 2, kUpDownCounter = 3 };

// "gauge", "counter", "updowncounter"; "unspecified".
std::string_view KindName(MetricKind kind);

struct Series {
  std::string name;  // OpenTelemetry: "system.cpu.time"
  std::string unit;  // UCUM: "s", "By", "{operation}"
  MetricKind kind = MetricKind::kGauge;
  Labels labels;
  friend bool operator==(const Series&, const Series&) = default;
};

// 128 bits that name a layout's content. Two layouts with the same hash are the same layout.
struct LayoutHash {
  std::array<uint8_t, 16> bytes{};
  friend auto operator<=>(const LayoutHash&, const LayoutHash&) = default;
};

// An ordered list of series; blocks carry its hash.
struct Layout {
  Labels common_labels;  // of every series, beside its own
  std::vector<Series> series;
  LayoutHash hash;  // ComputeHash() of the rest
};

// XXH3-128 (canonical, big-endian bytes) over: count of common labels, each as name and value;
// count of series, each as name, unit, kind (one byte), count of labels, each as name and value.
// Counts and lengths are 32-bit little-endian, strings are length and bytes. Never changes: hashes
// are stored.
LayoutHash ComputeHash(const Labels& common_labels, const std::vector<Series>& series);

// 32 lower-case hexadecimal digits.
std::string ToHex(const LayoutHash& hash);

}  // namespace shared::model

template <>
struct std::hash<shared::model::LayoutHash> {
  size_t operator()(const shared::model::LayoutHash& layout) const noexcept {
    size_t out = 0;
    for (size_t i = 0; i < sizeof out; ++i) out = (out << 8) | layout.bytes[i];
    return out;
  }
};
