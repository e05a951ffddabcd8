#include "collector/storage/newest/newest_samples.h"

#include <optional>
#include <span>

namespace collector::storage::newest {
namespace {

using shared::Result;

// One column, run by run: samples of different blocks may lose against others differently.
void AddColumn(const Page& page, const TickRange& ticks, std::span<const double> values,
               int64_t layout_id, size_t answer, SampleMerge& found) {
  const std::span<const int64_t> times(page.times_unix_nano);
  for (size_t i = 0; i < page.runs.size(); ++i) {
    const bool last = i + 1 == page.runs.size();
    const size_t begin = std::max(ticks.begin, size_t{page.runs[i].first_tick});
    const size_t end = std::min(ticks.end, last ? page.ticks() : page.runs[i + 1].first_tick);
    if (begin >= end) continue;
    found.Add(answer, times.subspan(begin, end - begin), values.subspan(begin, end - begin),
              {page.runs[i].block_time_us, layout_id});
  }
}

}  // namespace

Result<void> AddNewestSamples(const NewestBlocks::Found& newest, shared::WallTime to,
                              SampleQuestion& question) {
  struct Column {
    uint32_t position;
    size_t answer;
  };
  std::vector<Column> columns;
  std::vector<double> values;
  for (const NewestBlocks::Pages& layout : newest.layouts) {
    columns.clear();
    for (const SampleQuestion::Wanted& wanted : question.hosts.at(layout.layout->host_id)) {
      const std::optional<uint32_t> position = layout.layout->PositionOf(wanted.series_id);
      if (position) columns.push_back({*position, wanted.answer});
    }
    if (columns.empty()) continue;
    for (const std::shared_ptr<const Page>& page : layout.pages) {
      const TickRange ticks = TicksIn(page->times_unix_nano, {newest.from, to});
      if (ticks.empty()) continue;
      values.resize(page->ticks());
      for (const Column& column : columns) {
        page->Read(column.position, values);
        AddColumn(*page, ticks, values, layout.layout->id, column.answer, question.found);
      }
    }
    RETURN_IF_ERROR(question.Check());
  }
  return {};
}

}  // namespace collector::storage::newest
