#include "agent/host/disk_filter.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "agent/host/glob.h"

namespace agent::host {

DiskFilter::DiskFilter(const std::string& sys_root, std::vector<std::string> ignored)
    : block_root_(sys_root + "/block/"),
      ignored_(std::move(ignored)),
      has_sysfs_(::access(block_root_.c_str(), X_OK) == 0) {}

bool DiskFilter::Wants(std::string_view name) {
  if (const auto it = known_.find(name); it != known_.end()) return it->second;
  bool wanted = !AnyGlobMatches(ignored_, name);
  if (wanted && has_sysfs_) {
    std::string directory(name);
    std::replace(directory.begin(), directory.end(), '/', '!');
    wanted = ::access((block_root_ + directory).c_str(), F_OK) == 0;
  }
  known_.emplace(name, wanted);
  return wanted;
}

}  // namespace agent::host
