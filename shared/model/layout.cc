#include "shared/model/layout.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <cstring>

namespace shared::model {
namespace {

void AppendCount(std::string& out, size_t count) {
  for (int shift = 0; shift < 32; shift += 8) {
    out.push_back(static_cast<char>((count >> shift) & 0xff));
  }
}

void AppendString(std::string& out, std::string_view text) {
  AppendCount(out, text.size());
  out.append(text);
}

void AppendLabels(std::string& out, const Labels& labels) {
  AppendCount(out, labels.size());
  for (const Label& label : labels) {
    AppendString(out, label.name);
    AppendString(out, label.value);
  }
}

}  // namespace

std::string_view KindName(MetricKind kind) {
  switch (kind) {
    case MetricKind::kUnspecified:
      return "unspecified";
    case MetricKind::kGauge:
      return "gauge";
    case MetricKind::kCounter:
      return "counter";
    case MetricKind::kUpDownCounter:
      return "updowncounter";
  }
  return "unspecified";
}

LayoutHash ComputeHash(const Labels& common_labels, const std::vector<Series>& series) {
  std::string canonical;
  AppendLabels(canonical, common_labels);
  AppendCount(canonical, series.size());
  for (const Series& one : series) {
    AppendString(canonical, one.name);
    AppendString(canonical, one.unit);
    canonical.push_back(static_cast<char>(one.kind));
    AppendLabels(canonical, one.labels);
  }
  XXH128_canonical_t bytes;
  XXH128_canonicalFromHash(&bytes, XXH3_128bits(canonical.data(), canonical.size()));
  LayoutHash hash;
  std::memcpy(hash.bytes.data(), bytes.digest, hash.bytes.size());
  return hash;
}

std::string ToHex(const LayoutHash& hash) {
  std::string out;
  for (const uint8_t byte : hash.bytes) out += fmt::format("{:02x}", byte);
  return out;
}

}  // namespace shared::model
