#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace agent::host {

// Which lines of /proc/diskstats are sent: whole devices, for partitions would count the same work
// twice, and none whose name fits one of the globs. A whole device has a directory
// <sys_root>/block/<name>, with '!' for '/' in the name; without sysfs everything counts as whole.
// Asks the file system once for each name. One thread.
class DiskFilter {
 public:
  DiskFilter(const std::string& sys_root, std::vector<std::string> ignored);

  [[nodiscard]] bool Wants(std::string_view name);

 private:
  const std::string block_root_;
  const std::vector<std::string> ignored_;
  const bool has_sysfs_;
  std::map<std::string, bool, std::less<>> known_;
};

}  // namespace agent::host
