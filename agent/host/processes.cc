#include "agent/host/processes.h"

#include <dirent.h>
#include <fcntl.h>

#include <cerrno>
#include <cstdio>

#include "agent/host/pid_stat.h"

namespace agent::host {
namespace {

using shared::FailErrno;

constexpr pipeline::Metric kCount{"system.process.count", "{process}",
                                  shared::model::MetricKind::kUpDownCounter};
// process.state; "blocked" and "idle" (a kernel thread without work) are Linux' own.
constexpr std::string_view kStates[] = {"running", "sleeping", "blocked",
                                        "stopped", "defunct",  "idle"};
constexpr std::string_view kLetters[] = {"R", "S", "DKWP", "Tt", "ZXx", "I"};
constexpr size_t kEntriesBytes = 16384;

}  // namespace

void Count(char state, ProcessCounts& counts) {
  for (size_t i = 0; i < std::size(kLetters); ++i) {
    if (kLetters[i].find(state) != std::string_view::npos) counts.by_state[i] += 1;
  }
}

ProcessWalk::ProcessWalk(std::string proc_root) : proc_root_(std::move(proc_root)) {}

shared::Result<void> ProcessWalk::CountOne(const char* pid, ProcessCounts& counts) {
  char path[64];
  std::snprintf(path, sizeof path, "%s/stat", pid);
  const shared::UniqueFd file(::openat(directory_.get(), path, O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return {};  // gone, or hidden (hidepid)
  char text[1024];               // 52 numbers and a name of 64 bytes at most
  const ssize_t got = ::read(file.get(), text, sizeof text);
  if (got <= 0) return {};  // ESRCH: gone meanwhile
  const auto state = ParseProcessState({text, static_cast<size_t>(got)});
  if (!state) {
    shared::Error error = state.error();
    return tl::make_unexpected(std::move(error).With(fmt::format("{}/{}/stat", proc_root_, pid)));
  }
  Count(*state, counts);
  return {};
}

shared::Result<ProcessCounts> ProcessWalk::Read() {
  if (!directory_.valid()) {
    directory_.Reset(::open(proc_root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory_.valid()) return FailErrno(errno, fmt::format("open {}", proc_root_));
    entries_.resize(kEntriesBytes);
  }
  ::lseek(directory_.get(), 0, SEEK_SET);
  ProcessCounts counts;
  for (;;) {
    const ssize_t got = ::getdents64(directory_.get(), entries_.data(), entries_.size());
    if (got < 0) return FailErrno(errno, fmt::format("getdents {}", proc_root_));
    if (got == 0) return counts;
    for (size_t at = 0; at < static_cast<size_t>(got);) {
      // The kernel aligns the entries for us.
      const auto* entry = reinterpret_cast<const dirent64*>(entries_.data() + at);
      at += entry->d_reclen;
      if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
      RETURN_IF_ERROR(CountOne(entry->d_name, counts));
    }
  }
}

void Emit(const ProcessCounts& counts, pipeline::FrameBuilder& frame) {
  for (size_t i = 0; i < counts.by_state.size(); ++i) {
    frame.Add(kCount, {{"process.state", kStates[i]}}, static_cast<double>(counts.by_state[i]));
  }
}

}  // namespace agent::host
