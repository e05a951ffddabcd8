#include "collector/storage/newest/column_codec.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "shared/model/block.h"
#include "shared/wire/decimal.h"

namespace collector::storage::newest {
namespace {

namespace format = shared::wire::format;

constexpr uint8_t kAbsent = 0;
constexpr uint8_t kConstant = 1;
constexpr uint8_t kRaw = 2;
constexpr uint8_t kSteps = 2;  // plus the width
constexpr unsigned kMaxWidth = 4;
constexpr uint8_t kGaps = 0x80;
constexpr size_t kStepsHead = 10;  // exponent, shift, first

bool IsStale(double value) {
  return std::bit_cast<uint64_t>(value) == shared::model::kStaleBits;
}

template <typename T>
void Append(const T& value, std::string& out) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void Begin(uint8_t kind, std::string_view mask, std::string& out) {
  out += static_cast<char>(kind);
  out += mask;
}

template <unsigned kWidth, bool kDecimal>
void AddSteps(const char* steps, uint64_t integer, unsigned shift, double power,
              std::span<double> values) {
  const auto to_double = [&](uint64_t scaled) {
    const auto value = static_cast<double>(static_cast<int64_t>(scaled << shift));
    return kDecimal ? value / power : value;
  };
  values[0] = to_double(integer);
  for (double& value : values.subspan(1)) {
    uint32_t step = 0;
    std::memcpy(&step, steps, kWidth);
    steps += kWidth;
    integer += format::UnZigZag(step);
    value = to_double(integer);
  }
}

template <unsigned kWidth>
void AddSteps(std::string_view rest, std::span<double> values) {
  const auto exponent = static_cast<uint8_t>(rest[0]);
  const auto shift = static_cast<uint8_t>(rest[1]);
  uint64_t first = 0;
  std::memcpy(&first, rest.data() + 2, sizeof first);
  const char* const steps = rest.data() + kStepsHead;
  if (exponent == 0) return AddSteps<kWidth, false>(steps, first, shift, 1, values);
  AddSteps<kWidth, true>(steps, first, shift, format::kPowersOfTen[exponent], values);
}

void DecodePresent(uint8_t kind, std::string_view rest, std::span<double> values) {
  switch (kind) {
    case kConstant: {
      double value = 0;
      std::memcpy(&value, rest.data(), sizeof value);
      return std::fill(values.begin(), values.end(), value);
    }
    case kRaw:
      return static_cast<void>(std::memcpy(values.data(), rest.data(), values.size_bytes()));
    case kSteps + 1:
      return AddSteps<1>(rest, values);
    case kSteps + 2:
      return AddSteps<2>(rest, values);
    case kSteps + 3:
      return AddSteps<3>(rest, values);
    default:
      return AddSteps<4>(rest, values);
  }
}

}  // namespace

void ColumnEncoder::Encode(std::span<const double> values, std::string& out) {
  if (std::none_of(values.begin(), values.end(), IsStale)) {
    return EncodePresent(values, 0, {}, out);
  }
  present_.clear();
  mask_.assign((values.size() + 7) / 8, '\0');
  for (size_t tick = 0; tick < values.size(); ++tick) {
    if (IsStale(values[tick])) continue;
    char& byte = mask_[tick / 8];
    byte = static_cast<char>(static_cast<uint8_t>(byte) | 1u << (tick % 8));
    present_.push_back(values[tick]);
  }
  if (present_.empty()) return Begin(kAbsent, {}, out);
  EncodePresent(present_, kGaps, mask_, out);
}

void ColumnEncoder::EncodePresent(std::span<const double> values, uint8_t gaps,
                                  std::string_view mask, std::string& out) {
  const auto same = [first = std::bit_cast<uint64_t>(values[0])](double value) {
    return std::bit_cast<uint64_t>(value) == first;
  };
  if (std::all_of(values.begin() + 1, values.end(), same)) {
    Begin(kConstant | gaps, mask, out);
    return Append(values[0], out);
  }
  if (EncodeSteps(values, gaps, mask, out)) return;
  Begin(kRaw | gaps, mask, out);
  out.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
}

bool ColumnEncoder::EncodeSteps(std::span<const double> values, uint8_t gaps, std::string_view mask,
                                std::string& out) {
  integers_.resize(values.size());
  const std::optional<unsigned> exponent = format::ScaleToIntegers(values, integers_.data());
  if (!exponent) return false;
  uint64_t any = 0;
  for (const uint64_t integer : integers_) any |= integer;
  const auto shift = static_cast<unsigned>(std::countr_zero(any));  // not all are 0: not constant
  uint64_t last = static_cast<uint64_t>(static_cast<int64_t>(integers_[0]) >> shift);
  const uint64_t first = last;
  uint64_t most = 0;
  for (uint64_t& integer : std::span(integers_).subspan(1)) {
    const auto shifted = static_cast<uint64_t>(static_cast<int64_t>(integer) >> shift);
    integer = format::ZigZag(shifted - last);
    most |= integer;
    last = shifted;
  }
  const unsigned width = std::max(1u, format::WholeBytes(most));
  if (width > kMaxWidth) return false;
  Begin(static_cast<uint8_t>(kSteps + width) | gaps, mask, out);
  out += static_cast<char>(*exponent);
  out += static_cast<char>(shift);
  Append(first, out);
  for (const uint64_t step : std::span(integers_).subspan(1)) {
    out.append(reinterpret_cast<const char*>(&step), width);
  }
  return true;
}

void DecodeColumn(std::string_view column, std::span<double> values) {
  const auto tag = static_cast<uint8_t>(column[0]);
  const uint8_t kind = tag & 0x7f;
  constexpr double kStale = std::bit_cast<double>(shared::model::kStaleBits);
  if (kind == kAbsent) return std::fill(values.begin(), values.end(), kStale);
  if ((tag & kGaps) == 0) return DecodePresent(kind, column.substr(1), values);
  const std::string_view mask = column.substr(1, (values.size() + 7) / 8);
  const auto is_present = [mask](size_t tick) {
    return (static_cast<uint8_t>(mask[tick / 8]) >> (tick % 8) & 1u) != 0;
  };
  size_t present = 0;
  for (size_t tick = 0; tick < values.size(); ++tick) present += is_present(tick) ? 1 : 0;
  // Decoded to the front, then moved to their ticks from the back: no tick is before its value.
  DecodePresent(kind, column.substr(1 + mask.size()), values.first(present));
  for (size_t tick = values.size(); tick-- > 0;) {
    values[tick] = is_present(tick) ? values[--present] : kStale;
  }
}

}  // namespace collector::storage::newest
