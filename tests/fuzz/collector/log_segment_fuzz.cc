#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "collector/storage/logs/log_needle.h"
#include "collector/storage/logs/log_segment.h"

namespace {

using collector::storage::BodyColumns;
using collector::storage::FieldColumns;
using collector::storage::LogNeedle;
using collector::storage::LogSegment;
using collector::storage::LongestPart;
using collector::storage::RecordParts;
using collector::storage::SegmentBodies;
using collector::storage::SegmentBuilder;
using collector::storage::TemplateMiner;

// Whatever decodes has as many bodies as fields, and every record is a record.
void Decode(int16_t format, std::string_view bodies, std::string_view fields) {
  const auto columns = BodyColumns::Parse(format, bodies);
  if (!columns) return;
  (void)columns->MayContain("a1");
  const auto texts = columns->PutTogether();
  if (!texts) return;
  std::vector<uint32_t> sizes;
  for (size_t i = 0; i < texts->ends.size(); ++i) {
    sizes.push_back(static_cast<uint32_t>(texts->at(i).size()));
  }
  const auto parsed = FieldColumns::Parse(format, fields, sizes);
  if (!parsed) return;
  if (parsed->lines() != columns->lines()) std::abort();
  for (size_t i = 0; i < parsed->lines(); ++i) (void)parsed->Record(i, texts->at(i));
}

// Lines of any bytes come back as they were, and are found by every part of themselves.
void RoundTrip(std::string_view text) {
  TemplateMiner miner(16);
  SegmentBuilder builder("fuzz", miner);
  std::vector<std::string_view> lines;
  for (size_t at = 0; at <= text.size() && lines.size() < 64;) {
    const size_t end = std::min(text.find('\xff', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  for (const std::string_view line : lines) {
    RecordParts record;
    record.body = line;
    builder.Add(std::move(record));
  }
  const LogSegment segment = builder.Finish();
  const auto bodies = SegmentBodies::Open(collector::storage::kLogSegmentFormat, segment.bodies);
  if (!bodies) std::abort();
  const auto texts = bodies->columns().PutTogether();
  if (!texts || texts->ends.size() != lines.size()) std::abort();
  for (size_t i = 0; i < lines.size(); ++i) {
    if (texts->at(i) != lines[i]) std::abort();
    const LogNeedle needle{std::string(lines[i].substr(lines[i].size() / 3, 9)), false};
    if (!bodies->columns().MayContain(LongestPart(needle))) std::abort();
  }
}

}  // namespace

// The first byte chooses: two sections of either format to decode, a record, or lines to encode.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);  // NOLINT
  if (input.size() < 2) return 0;
  const auto choice = static_cast<uint8_t>(input.front());
  input.remove_prefix(1);
  if (choice % 4 < 2) {
    const size_t middle = std::min<size_t>(static_cast<uint8_t>(input.front()), input.size() - 1);
    const auto format = static_cast<int16_t>(1 + choice % 4);
    Decode(format, input.substr(1, middle), input.substr(1 + middle));
  } else if (choice % 4 == 2) {
    (void)collector::storage::TakeApart(input);
  } else {
    RoundTrip(input);
  }
  return 0;
}
