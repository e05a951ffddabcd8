#pragma once

#include <map>
#include <set>
#include <string>

#include "shared/base/unique_fd.h"

namespace agent::logs {

// Tells when files appear in, move in or vanish from some directories (inotify(7)). It does not
// watch writes: that would double the cost of each write for the server that logs. Without inotify
// (no instances left) it says nothing, and the timed rescan does its work. One thread.
class DirectoryWatch {
 public:
  DirectoryWatch();

  // Watches exactly these. A directory that is not there is tried again at the next call.
  void Set(const std::set<std::string>& directories);
  // Whether anything happened since the last call, or events were lost.
  bool TakeChanged();
  // Readable when something happened; -1: no inotify.
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  shared::UniqueFd fd_;
  std::map<std::string, int> watches_;
};

}  // namespace agent::logs
