#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "agent/host/guarded_statfs.h"
#include "agent/host/mount_selection.h"
#include "agent/host/problems.h"
#include "agent/host/proc_file.h"
#include "agent/pipeline/frame.h"

namespace agent::host {

struct FilesystemOptions {
  std::string proc_root;
  std::vector<std::string> ignored_types;        // globs: "fuse.*"
  std::vector<std::string> ignored_mountpoints;  // globs: "/run/*"
  StatfsFunction statfs = CallStatfs;
  std::chrono::milliseconds statfs_deadline{250};
};

// Bytes and inodes of the mounted file systems. The list is that of process 1, for a service's own
// namespace may show all of them read-only (systemd's ProtectSystem=strict), and is read again only
// when the kernel says that it changed. Local file systems are asked directly, all others through
// GuardedStatfs. One thread.
class Filesystems {
 public:
  explicit Filesystems(FilesystemOptions options);

  // system.filesystem.{usage,limit} and inodes by system.device and system.filesystem.*. Mounts
  // that hang, are hidden from us or refuse are left out and noted by name.
  void Collect(pipeline::FrameBuilder& frame, Problems& problems);

 private:
  void Reload(Problems& problems);
  void Forget();

  const FilesystemOptions options_;
  ProcFile host_file_;
  ProcFile own_file_;
  std::string host_text_;  // what mounts_ was made of
  std::string own_text_;
  std::vector<SelectedMount> mounts_;  // those that are not hidden
  std::vector<shared::Error> hidden_;  // one for each that is
  GuardedStatfs guarded_;
};

// The series of one file system.
void Emit(const Mount& mount, const FilesystemUsage& usage, pipeline::FrameBuilder& frame);

}  // namespace agent::host
