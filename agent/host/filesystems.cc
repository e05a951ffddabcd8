#include "agent/host/filesystems.h"

#include <utility>

namespace agent::host {
namespace {

using pipeline::Metric;
using shared::ErrorCode;
using shared::model::MetricKind;

constexpr MetricKind kUpDown = MetricKind::kUpDownCounter;
constexpr Metric kUsage{"system.filesystem.usage", "By", kUpDown};
constexpr Metric kLimit{"system.filesystem.limit", "By", kUpDown};
constexpr Metric kInodes{"system.linux.filesystem.inodes.usage", "{inode}", kUpDown};

uint64_t Minus(uint64_t a, uint64_t b) {
  return a > b ? a - b : 0;
}

}  // namespace

Filesystems::Filesystems(FilesystemOptions options)
    : options_(std::move(options)),
      host_file_(options_.proc_root + "/1/mountinfo", ProcFile::Records::kLong),
      own_file_(options_.proc_root + "/self/mountinfo", ProcFile::Records::kLong),
      guarded_(options_.statfs, options_.statfs_deadline) {}

void Filesystems::Forget() {
  mounts_.clear();
  hidden_.clear();
  host_text_.clear();
}

void Filesystems::Reload(Problems& problems) {
  const auto& own_text = own_file_.Read();
  const auto& host_text = host_file_.Read();
  if (!own_text && !host_text) {
    problems.Note(own_text.error());
    Forget();
    return;
  }
  const std::string_view own = own_text ? *own_text : *host_text;
  const std::string_view host = host_text ? *host_text : *own_text;
  if (host == host_text_ && own == own_text_) return;
  const auto host_mounts = ParseMountinfo(host);
  const auto own_mounts = ParseMountinfo(own);
  Forget();
  if (!host_mounts || !own_mounts) {
    shared::Error error = host_mounts ? own_mounts.error() : host_mounts.error();
    const bool of_host = !host_mounts && host_text.has_value();
    problems.Note(std::move(error).With(of_host ? host_file_.path() : own_file_.path()));
    return;
  }
  host_text_ = host;
  own_text_ = own;
  for (SelectedMount& selected : SelectMounts(*host_mounts, *own_mounts, options_.ignored_types,
                                              options_.ignored_mountpoints)) {
    if (selected.hidden) {
      hidden_.push_back({ErrorCode::kPermissionDenied,
                         fmt::format("{}: hidden from the agent by its mount namespace",
                                     selected.mount.mountpoint)});
    } else {
      mounts_.push_back(std::move(selected));
    }
  }
}

void Filesystems::Collect(pipeline::FrameBuilder& frame, Problems& problems) {
  const bool host_changed = host_file_.PollChanged();  // both: polling takes the signal
  const bool own_changed = own_file_.PollChanged();
  if (host_changed || own_changed || host_text_.empty()) Reload(problems);
  for (const shared::Error& error : hidden_) problems.Note(error);
  for (const SelectedMount& selected : mounts_) {
    const std::string& mountpoint = selected.mount.mountpoint;
    const auto usage = selected.may_hang ? guarded_.Call(mountpoint) : options_.statfs(mountpoint);
    if (usage) {
      Emit(selected.mount, *usage, frame);
    } else {
      problems.Note(usage.error());
    }
  }
}

void Emit(const Mount& mount, const FilesystemUsage& usage, pipeline::FrameBuilder& frame) {
  const std::string_view mode = mount.read_only ? "ro" : "rw";
  const auto add = [&](const Metric& metric, std::string_view state, uint64_t value) {
    frame.Add(metric,
              {{"system.device", mount.source},
               {"system.filesystem.mode", mode},
               {"system.filesystem.mountpoint", mount.mountpoint},
               {"system.filesystem.state", state},
               {"system.filesystem.type", mount.type}},
              static_cast<double>(value));
  };
  const uint64_t bytes = usage.block_bytes;
  add(kUsage, "used", Minus(usage.blocks, usage.blocks_free) * bytes);
  add(kUsage, "free", usage.blocks_available * bytes);
  add(kUsage, "reserved", Minus(usage.blocks_free, usage.blocks_available) * bytes);
  frame.Add(kLimit,
            {{"system.device", mount.source},
             {"system.filesystem.mode", mode},
             {"system.filesystem.mountpoint", mount.mountpoint},
             {"system.filesystem.type", mount.type}},
            static_cast<double>(usage.blocks * bytes));
  if (usage.inodes == 0) return;
  add(kInodes, "used", Minus(usage.inodes, usage.inodes_free));
  add(kInodes, "free", usage.inodes_free);
}

}  // namespace agent::host
