#pragma once

#include <string>
#include <vector>

#include "agent/host/mountinfo.h"

namespace agent::host {

// A mount that is worth measuring.
struct SelectedMount {
  Mount mount;
  // Its type is not known as local (nfs, cifs, fuse …), or the way to it leads through such a
  // mount: asking for it may never return.
  bool may_hang = false;
  // The agent's own mount namespace has something else in this place (systemd's ProtectHome puts an
  // empty tmpfs over /home): asking would measure that.
  bool hidden = false;
};

// Pure. Of the mounts of the host (process 1), in their order: leaves out pseudo file systems and
// what the globs name, keeps the topmost of mounts on one point, and one mount for each device
// (bind mounts show the same blocks again), by preference of its root, then with the shortest path.
// `own` are the mounts as the agent sees them; the same list when the host's cannot be read.
std::vector<SelectedMount> SelectMounts(const std::vector<Mount>& host,
                                        const std::vector<Mount>& own,
                                        const std::vector<std::string>& ignored_types,
                                        const std::vector<std::string>& ignored_mountpoints);

}  // namespace agent::host
