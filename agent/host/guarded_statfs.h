#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "shared/base/result.h"

namespace agent::host {

// What statfs(2) says of one file system.
struct FilesystemUsage {
  uint64_t block_bytes = 0;
  uint64_t blocks = 0;
  uint64_t blocks_free = 0;       // for root
  uint64_t blocks_available = 0;  // for everyone else
  uint64_t inodes = 0;            // 0 where they are made as needed (btrfs, vfat)
  uint64_t inodes_free = 0;
};

using StatfsFunction = std::function<shared::Result<FilesystemUsage>(const std::string&)>;

// statfs(2) itself. Errors: as shared::ErrnoError has it, "statfs /data: Permission denied".
shared::Result<FilesystemUsage> CallStatfs(const std::string& mountpoint);

// Calls that may never return (an NFS server that is away) on helper threads, so that the caller
// waits for a deadline at most. A mount point that did not answer is left alone until its call
// returns; other ones get another helper, up to four. Helpers start when first needed. One calling
// thread.
class GuardedStatfs {
 public:
  // `call` is also run after this object is gone, when it hangs by then: it must own what it uses.
  GuardedStatfs(StatfsFunction call, std::chrono::milliseconds deadline);
  GuardedStatfs(const GuardedStatfs&) = delete;
  GuardedStatfs& operator=(const GuardedStatfs&) = delete;
  // Returns at once: a helper whose call hangs is left behind, and ends when the call does.
  ~GuardedStatfs();

  // Beside the errors of `call`, kTimeout: "statfs /mnt: hangs, left alone until it returns", and
  // kResourceExhausted: "statfs /mnt: not tried while 4 other mounts hang".
  shared::Result<FilesystemUsage> Call(const std::string& mountpoint);

 private:
  struct Helper;
  Helper* Start();

  const StatfsFunction call_;
  const std::chrono::milliseconds deadline_;
  std::vector<std::shared_ptr<Helper>> helpers_;  // shared with their threads, which may outlive us
};

}  // namespace agent::host
