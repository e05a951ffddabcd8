#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "collector/storage/chunks/chunk_codec.h"
#include "collector/storage/family_index.h"
#include "collector/storage/sample_question.h"

namespace collector::storage {

// Adds what chunks hold of the wanted series in `range`. Fetches the chunks of their families and
// decodes only the groups that have them. The question must outlive it.
class ChunkScan {
 public:
  ChunkScan(const api::TimeRange& range, SampleQuestion& question)
      : range_(range), question_(question) {}

  // Where the series stand. True: all of them are in families, and what these have of the range is
  // so little that it may as well be fetched in vain.
  shared::Result<bool> FindFamilies(FamilyIndex& families);

  // Everything, in pieces.
  shared::Result<void> Run();
  // The same by who asks: when FindFamilies said true.
  [[nodiscard]] std::vector<ReadStatement> Statements() const;
  shared::Result<void> Add(std::span<const shared::postgres::Rows> answers);

 private:
  // A family with wanted series: which, and where they stand in the answer.
  struct Family {
    FamilyMembers members = 0;
    std::array<size_t, kFamilySeries> answers{};  // by ord
  };

  [[nodiscard]] api::TimeRange Windows() const;
  shared::Result<std::vector<api::TimeRange>> Pieces();
  [[nodiscard]] std::vector<ReadStatement> StatementsOf(const api::TimeRange& windows,
                                                        const std::string& family_ids) const;
  shared::Result<void> AddChunk(const shared::postgres::Rows& rows, size_t row);
  void AddGroup(const ChunkGroup& group, const Family& family, const SampleOrigin& origin);

  const api::TimeRange range_;
  SampleQuestion& question_;
  std::map<int64_t, Family> families_;
  ChunkDecoder decoder_;
  std::vector<ChunkGroup> groups_;
};

}  // namespace collector::storage
