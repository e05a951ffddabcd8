#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "collector/api/selector_text.h"
#include "collector/storage/index/series_filter.h"

// Any text is a selector or an error with a position; a selector is one that can be judged, or says
// which pattern is none.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  auto matchers = collector::api::ParseSelector(text);
  if (!matchers) {
    if (!matchers.error().message.starts_with("position ")) std::abort();
    return 0;
  }
  collector::api::SeriesSelector selector;
  selector.matchers = std::move(*matchers);
  const auto filter = collector::storage::SeriesFilter::Make(selector);
  if (!filter) return 0;
  collector::api::SeriesRow row;
  row.name = "disk.io";
  row.labels = {{"a", "x"}, {"b", std::string(text.substr(0, 100))}};
  (void)filter->Accepts(row, "key");
  return 0;
}
