#include "agent/host/hugepages.h"

#include <dirent.h>

#include <algorithm>
#include <memory>

#include "shared/text/cursor.h"

namespace agent::host {
namespace {

using shared::ErrorCode;
using shared::Fail;
using shared::model::MetricKind;

struct Count {
  std::string_view file;
  pipeline::Metric metric;
};
constexpr MetricKind kUpDown = MetricKind::kUpDownCounter;
constexpr Count kCounts[] = {
    {"nr_hugepages", {"system.linux.hugepages.limit", "{page}", kUpDown}},
    {"free_hugepages", {"system.linux.hugepages.free", "{page}", kUpDown}},
    {"resv_hugepages", {"system.linux.hugepages.reserved", "{page}", kUpDown}},
    {"surplus_hugepages", {"system.linux.hugepages.surplus", "{page}", kUpDown}},
};

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

}  // namespace

shared::Result<uint64_t> ParseHugepageSize(std::string_view directory) {
  constexpr std::string_view kPrefix = "hugepages-";
  constexpr std::string_view kSuffix = "kB";
  std::optional<uint64_t> kib;
  if (directory.starts_with(kPrefix) && directory.ends_with(kSuffix) &&
      directory.size() > kPrefix.size() + kSuffix.size()) {
    kib = shared::text::ParseNumber<uint64_t>(
        directory.substr(kPrefix.size(), directory.size() - kPrefix.size() - kSuffix.size()));
  }
  if (!kib) return Fail(ErrorCode::kMalformed, "'{}' is not a size of huge pages", directory);
  return *kib * 1024;
}

shared::Result<uint64_t> ParseHugepageCount(std::string_view text) {
  const auto number = shared::text::ParseNumber<uint64_t>(text.substr(0, text.find('\n')));
  if (!number) return Fail(ErrorCode::kMalformed, "line 1: no number");
  return *number;
}

Hugepages::Hugepages(const std::string& sys_root) {
  const std::string root = sys_root + "/kernel/mm/hugepages";
  const std::unique_ptr<DIR, CloseDirectory> directory(::opendir(root.c_str()));
  if (!directory) return;
  std::vector<std::pair<uint64_t, std::string>> found;
  while (const dirent* entry = ::readdir(directory.get())) {
    if (const auto bytes = ParseHugepageSize(entry->d_name)) {
      found.emplace_back(*bytes, entry->d_name);
    }
  }
  std::sort(found.begin(), found.end());
  for (const auto& [bytes, name] : found) {
    Size& size = sizes_.emplace_back();
    size.bytes = fmt::format("{}", bytes);
    for (const Count& count : kCounts) {
      size.files.emplace_back(fmt::format("{}/{}/{}", root, name, count.file));
    }
  }
}

shared::Result<void> Hugepages::Collect(pipeline::FrameBuilder& frame) {
  shared::Result<void> out;
  for (Size& size : sizes_) {
    for (size_t i = 0; i < std::size(kCounts); ++i) {
      const auto& text = size.files[i].Read();
      const auto count = text ? ParseHugepageCount(*text) : tl::make_unexpected(text.error());
      if (count) {
        frame.Add(kCounts[i].metric, {{"system.linux.hugepages.page_size", size.bytes}},
                  static_cast<double>(*count));
      } else if (out) {
        shared::Error error = count.error();
        if (text) error = std::move(error).With(size.files[i].path());
        out = tl::make_unexpected(std::move(error));
      }
    }
  }
  return out;
}

}  // namespace agent::host
