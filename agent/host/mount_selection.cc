#include "agent/host/mount_selection.h"

#include <algorithm>
#include <string_view>

#include "agent/host/glob.h"

namespace agent::host {
namespace {

// On a block device or in memory: statfs(2) answers from the superblock.
constexpr std::string_view kLocalTypes[] = {
    "bcachefs", "btrfs",   "erofs", "exfat", "ext2",   "ext3",  "ext4",  "f2fs",
    "hfsplus",  "iso9660", "jfs",   "msdos", "nilfs2", "ntfs3", "ocfs2", "reiserfs",
    "tmpfs",    "ubifs",   "udf",   "vfat",  "xfs",    "zfs",
};
// Without blocks of their own. overlay and squashfs: other mounts' blocks, or always full.
constexpr std::string_view kPseudoTypes[] = {
    "aufs",      "binfmt_misc", "bpf",      "cgroup",  "cgroup2",   "configfs",   "debugfs",
    "devpts",    "devtmpfs",    "efivarfs", "fusectl", "hugetlbfs", "mqueue",     "nsfs",
    "overlay",   "proc",        "pstore",   "ramfs",   "rootfs",    "rpc_pipefs", "securityfs",
    "selinuxfs", "smackfs",     "squashfs", "sysfs",   "tracefs",
};
// Pseudo too, but the way through them leads into a user's program: to look may mount or hang.
constexpr std::string_view kNeverAsked[] = {"autofs", "fuse.gvfsd-fuse", "fuse.lxcfs",
                                            "fuse.portal"};

template <typename List>
bool Contains(const List& list, std::string_view text) {
  return std::find(std::begin(list), std::end(list), text) != std::end(list);
}

bool IsBelow(std::string_view path, std::string_view mountpoint) {
  if (mountpoint == "/") return path != "/";
  return path.size() > mountpoint.size() && path.starts_with(mountpoint) &&
         path[mountpoint.size()] == '/';
}

bool MayHang(const Mount& mount, const std::vector<Mount>& all) {
  const auto harmless = [](const Mount& other) {
    return Contains(kLocalTypes, other.type) || Contains(kPseudoTypes, other.type);
  };
  return !harmless(mount) || std::any_of(all.begin(), all.end(), [&](const Mount& other) {
    return !harmless(other) && IsBelow(mount.mountpoint, other.mountpoint);
  });
}

// The mount that is seen at `mountpoint`, null when there is none.
const Mount* Topmost(const std::vector<Mount>& mounts, std::string_view mountpoint) {
  const auto it = std::find_if(mounts.rbegin(), mounts.rend(),
                               [&](const Mount& mount) { return mount.mountpoint == mountpoint; });
  return it == mounts.rend() ? nullptr : &*it;
}

bool IsBetter(const Mount& a, const Mount& b) {
  if ((a.root == "/") != (b.root == "/")) return a.root == "/";
  return a.mountpoint.size() < b.mountpoint.size();
}

}  // namespace

std::vector<SelectedMount> SelectMounts(const std::vector<Mount>& host,
                                        const std::vector<Mount>& own,
                                        const std::vector<std::string>& ignored_types,
                                        const std::vector<std::string>& ignored_mountpoints) {
  std::vector<SelectedMount> out;
  for (const Mount& mount : host) {
    if (Contains(kPseudoTypes, mount.type) || Contains(kNeverAsked, mount.type)) continue;
    if (AnyGlobMatches(ignored_types, mount.type)) continue;
    if (AnyGlobMatches(ignored_mountpoints, mount.mountpoint)) continue;
    if (Topmost(host, mount.mountpoint) != &mount) continue;
    const Mount* const seen = Topmost(own, mount.mountpoint);
    SelectedMount selected;
    selected.mount = mount;
    selected.may_hang = MayHang(mount, host);
    selected.hidden = seen == nullptr || seen->device_number != mount.device_number;
    const auto same_device = std::find_if(out.begin(), out.end(), [&](const SelectedMount& other) {
      return other.mount.device_number == mount.device_number;
    });
    if (same_device == out.end()) {
      out.push_back(std::move(selected));
    } else if (same_device->hidden != selected.hidden ? same_device->hidden
                                                      : IsBetter(mount, same_device->mount)) {
      *same_device = std::move(selected);
    }
  }
  return out;
}

}  // namespace agent::host
