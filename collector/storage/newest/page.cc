#include "collector/storage/newest/page.h"

namespace collector::storage::newest {

void Page::Read(size_t position, std::span<double> values) const {
  const size_t begin = position == 0 ? 0 : ends[position - 1];
  DecodeColumn(std::string_view(columns).substr(begin, ends[position] - begin), values);
}

size_t Page::bytes() const {
  return sizeof(Page) + times_unix_nano.capacity() * sizeof(int64_t) +
         runs.capacity() * sizeof(Run) + ends.capacity() * sizeof(uint32_t) + columns.capacity();
}

std::shared_ptr<const Page> PageBuilder::FromBlock(const shared::model::Block& block,
                                                   int64_t block_time_us) {
  auto page = std::make_shared<Page>();
  page->times_unix_nano = block.times_unix_nano;
  page->runs = {{0, block_time_us}};
  page->ends.reserve(block.series);
  columns_.clear();
  for (size_t series = 0; series < block.series; ++series) {
    encoder_.Encode(block.SeriesValues(series), columns_);
    page->ends.push_back(static_cast<uint32_t>(columns_.size()));
  }
  page->columns = columns_;  // a copy that is as large as it must be
  return page;
}

std::shared_ptr<const Page> PageBuilder::Merge(std::span<const std::shared_ptr<const Page>> pages) {
  auto out = std::make_shared<Page>();
  size_t ticks = 0;
  size_t runs = 0;
  for (const auto& page : pages) {
    ticks += page->ticks();
    runs += page->runs.size();
  }
  out->times_unix_nano.reserve(ticks);
  out->runs.reserve(runs);
  for (const auto& page : pages) {
    for (Page::Run run : page->runs) {
      run.first_tick += static_cast<uint32_t>(out->ticks());
      out->runs.push_back(run);
    }
    out->times_unix_nano.insert(out->times_unix_nano.end(), page->times_unix_nano.begin(),
                                page->times_unix_nano.end());
  }
  const size_t series = pages.front()->series();
  out->ends.reserve(series);
  out->level = static_cast<uint8_t>(pages.front()->level + 1);
  values_.resize(ticks);
  columns_.clear();
  for (size_t position = 0; position < series; ++position) {
    std::span<double> rest(values_);
    for (const auto& page : pages) {
      page->Read(position, rest.first(page->ticks()));
      rest = rest.subspan(page->ticks());
    }
    encoder_.Encode(values_, columns_);
    out->ends.push_back(static_cast<uint32_t>(columns_.size()));
  }
  out->columns = columns_;
  return out;
}

}  // namespace collector::storage::newest
