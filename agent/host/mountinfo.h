#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"

namespace agent::host {

// One line of /proc/<pid>/mountinfo (proc_pid_mountinfo(5)):
//   27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
//   id parent major:minor root mountpoint options [optional fields] - type source super-options
// Blanks, tabs, newlines and backslashes in root, mountpoint and source come as \040 \011 \012 \134
// and are given back here.
struct Mount {
  std::string device_number;  // "254:0"
  std::string root;  // the part of the file system that is mounted: "/" unless bind-mounted
  std::string mountpoint;
  std::string type;        // "ext4", "nfs4", "fuse.sshfs"
  std::string source;      // "/dev/vda", "server:/export"
  bool read_only = false;  // this mount, or the file system below it
};

// Pure. In the file's order: of two mounts on one point, the later one is what is seen. kMalformed:
// a line that lacks a field, with its number.
shared::Result<std::vector<Mount>> ParseMountinfo(std::string_view text);

}  // namespace agent::host
