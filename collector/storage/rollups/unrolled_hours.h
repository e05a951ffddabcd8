#pragma once

#include <span>
#include <vector>

#include "collector/storage/sample_question.h"

namespace collector::storage {

// The parts of `range` for which some of the question's hosts have samples that rollups do not know
// yet, or whose increases would change with them; ascending, apart from each other, whole hours but
// for the ends of the range. Everywhere else rollups say what samples say. The session must hold a
// snapshot, under which the rollups are read, too.
class UnrolledHours {
 public:
  UnrolledHours(const api::TimeRange& range, const SampleQuestion& question);

  // What to ask; none when rollups can know nothing of the range.
  [[nodiscard]] const std::vector<ReadStatement>& statements() const { return statements_; }
  // From the answers to these, in their order.
  [[nodiscard]] std::vector<api::TimeRange> From(
      std::span<const shared::postgres::Rows> answers) const;

 private:
  void Add(api::TimeRange part, std::vector<api::TimeRange>& out) const;

  const api::TimeRange range_;
  const std::chrono::hours block_span_;  // rounded up
  shared::WallTime end_;                 // nothing from here on is rolled up
  std::vector<ReadStatement> statements_;
};

}  // namespace collector::storage
