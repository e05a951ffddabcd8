#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "collector/storage/logs/body_columns.h"
#include "collector/storage/logs/field_columns.h"
#include "collector/storage/logs/template_miner.h"
#include "shared/base/clock.h"
#include "shared/base/result.h"
#include "shared/wire/zstd.h"

// pgvigil.log_segment: `bodies` is a zstd frame of what body_columns.h says, `fields` one of what
// field_columns.h says, both of the row's format; `bloom` a filter (token_bloom.h) of all words of
// four bytes or more that stand in holes and tails, and of the fields database and sqlstate.
// Constant words are found by `patterns`, the numbers of the templates in pgvigil.log_pattern.
// Format 2 is written; 1, which had words as text and fields as varints, is read.
namespace collector::storage {

inline constexpr int16_t kLogSegmentFormat = 2;

// A template that lines of a segment have.
struct SegmentPattern {
  std::string text;
  uint64_t hash = 0;             // TemplateHash
  uint32_t severity_number = 0;  // the highest
  shared::WallTime first_time;
  shared::WallTime last_time;
  std::string example;  // a body, cut at 1 KiB
};

// So many lines of one template in one minute.
struct PatternCount {
  int64_t minute = 0;    // since 1970
  uint32_t pattern = 0;  // index in `patterns`
  int32_t lines = 0;
};

struct LogSegment {
  uint64_t begin_offset = 0;  // in the file, of the first record
  shared::WallTime first_time;
  shared::WallTime last_time;
  int32_t lines = 0;
  uint32_t severity_mask = 0;  // bit n: a record has severity number n
  int32_t raw_bytes = 0;       // of the records in protobuf's encoding
  std::string bloom, bodies, fields;
  std::vector<SegmentPattern> patterns;
  std::vector<PatternCount> counts;  // by minute and pattern
};

// Builds one segment after the other. Records of one file and one day, in file order; the bytes of
// their bodies must live until Finish. Templates are the miner's, which must outlive it. One
// thread.
class SegmentBuilder {
 public:
  SegmentBuilder(std::string source, TemplateMiner& miner)
      : source_(std::move(source)), miner_(miner), compressor_(kLevel) {}

  void Add(RecordParts record);
  [[nodiscard]] bool empty() const { return records_.empty(); }
  [[nodiscard]] size_t raw_bytes() const { return raw_bytes_; }
  // All that was added; there must be something.
  LogSegment Finish();

 private:
  // Above level 1 it takes 20 % more time for 4 % fewer bytes, once.
  static constexpr int kLevel = 3;

  const std::string source_;
  TemplateMiner& miner_;
  shared::wire::Compressor compressor_;
  size_t raw_bytes_ = 0;
  std::vector<RecordParts> records_;
  SplitBodies bodies_;           // of the records
  std::vector<uint32_t> nodes_;  // of the miner, by record
  BodyWords words_;              // buffer
};

// The bodies of a segment, decompressed. The object may be moved, not copied.
class SegmentBodies {
 public:
  // `format` and `data` as stored. kMalformed: not ours.
  static shared::Result<SegmentBodies> Open(int16_t format, std::string_view data);
  [[nodiscard]] const BodyColumns& columns() const { return columns_; }
  [[nodiscard]] size_t size() const { return content_->size(); }
  [[nodiscard]] int16_t format() const { return format_; }

 private:
  int16_t format_ = 0;
  std::unique_ptr<const std::string> content_;  // columns_ look into it
  BodyColumns columns_;
};

// Likewise the fields.
class SegmentFields {
 public:
  static shared::Result<SegmentFields> Open(int16_t format, std::string_view data,
                                            const BodyColumns::Bodies& bodies);
  [[nodiscard]] const FieldColumns& columns() const { return columns_; }

 private:
  std::unique_ptr<const std::string> content_;
  FieldColumns columns_;
};

}  // namespace collector::storage
