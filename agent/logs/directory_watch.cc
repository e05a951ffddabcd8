#include "agent/logs/directory_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

namespace agent::logs {

DirectoryWatch::DirectoryWatch() : fd_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {}

void DirectoryWatch::Set(const std::set<std::string>& directories) {
  if (!fd_.valid()) return;
  for (auto it = watches_.begin(); it != watches_.end();) {
    if (directories.count(it->first) > 0) {
      ++it;
      continue;
    }
    ::inotify_rm_watch(fd_.get(), it->second);
    it = watches_.erase(it);
  }
  constexpr uint32_t kEvents = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                               IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
  // Adding a watch that exists changes nothing, and renews one whose directory was replaced.
  for (const std::string& directory : directories) {
    const int watch = ::inotify_add_watch(fd_.get(), directory.c_str(), kEvents);
    if (watch >= 0) watches_[directory] = watch;
  }
}

bool DirectoryWatch::TakeChanged() {
  if (!fd_.valid()) return false;
  bool changed = false;
  char events[4096];
  while (::read(fd_.get(), events, sizeof events) > 0) changed = true;
  return changed;
}

}  // namespace agent::logs
