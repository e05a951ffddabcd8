#include "collector/storage/logs/section_bytes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

namespace collector::storage {
namespace {

// Of a column that is worth the tables of its codes.
constexpr size_t kOwnCodes = 512;

// Entropy and four bits a code for the table; never more than the column as it is.
double CostOf(std::string_view column) {
  std::array<uint32_t, 256> counts{};
  for (const char byte : column) counts[static_cast<unsigned char>(byte)] += 1;
  const auto size = static_cast<double>(column.size());
  double bits = 0;
  for (const uint32_t count : counts) {
    if (count > 0 && count < column.size()) bits += 4 + count * std::log2(size / count);
  }
  return std::min(bits / 8, size);
}

}  // namespace

void SectionBytes::AddColumn(std::string_view column) {
  const bool own = column.size() >= kOwnCodes;
  if (own) Cut();
  bytes += column;
  if (own) Cut();
  cost_ += CostOf(column);
}

void SectionBytes::Append(const SectionBytes& other) {
  if (!other.cuts_.empty()) Cut();
  const size_t before = bytes.size();
  bytes += other.bytes;
  for (const size_t cut : other.cuts_) {
    if (cut > 0) cuts_.push_back(before + cut);
  }
  cost_ += other.cost_;
}

void SectionBytes::Cut() {
  if (!bytes.empty() && (cuts_.empty() || cuts_.back() < bytes.size())) {
    cuts_.push_back(bytes.size());
  }
}

}  // namespace collector::storage
