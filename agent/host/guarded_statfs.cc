#include "agent/host/guarded_statfs.h"

#include <sys/vfs.h>

#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "shared/concurrency/thread_name.h"

namespace agent::host {

using shared::ErrorCode;
using shared::Fail;

shared::Result<FilesystemUsage> CallStatfs(const std::string& mountpoint) {
  struct statfs answer {};
  while (::statfs(mountpoint.c_str(), &answer) != 0) {
    if (errno != EINTR) return shared::FailErrno(errno, fmt::format("statfs {}", mountpoint));
  }
  FilesystemUsage out;
  // Blocks are counted in fragments; kernels before 2.6 left f_frsize 0.
  out.block_bytes = static_cast<uint64_t>(answer.f_frsize != 0 ? answer.f_frsize : answer.f_bsize);
  out.blocks = answer.f_blocks;
  out.blocks_free = answer.f_bfree;
  out.blocks_available = answer.f_bavail;
  out.inodes = answer.f_files;
  out.inodes_free = answer.f_ffree;
  return out;
}

struct GuardedStatfs::Helper {
  enum class State { kIdle, kAsked, kAnswered };

  explicit Helper(StatfsFunction function) : call(std::move(function)) {}

  void Run() {
    shared::SetThreadName("statfs");
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [this] { return quit || state == State::kAsked; });
      if (quit) return;
      const std::string path = mountpoint;
      lock.unlock();
      auto result = call(path);
      lock.lock();
      answer = std::move(result);
      state = State::kAnswered;
      changed.notify_all();
    }
  }

  const StatfsFunction call;
  std::mutex mutex;
  std::condition_variable changed;
  // Under mutex:
  State state = State::kIdle;
  bool quit = false;
  std::string mountpoint;
  shared::Result<FilesystemUsage> answer;
  // The caller's. Not a jthread: a call that never returns cannot be joined.
  std::thread thread;
};

GuardedStatfs::GuardedStatfs(StatfsFunction call, std::chrono::milliseconds deadline)
    : call_(std::move(call)), deadline_(deadline) {}

GuardedStatfs::~GuardedStatfs() {
  for (const std::shared_ptr<Helper>& helper : helpers_) {
    bool hangs = false;
    {
      const std::lock_guard lock(helper->mutex);
      helper->quit = true;
      hangs = helper->state == Helper::State::kAsked;
    }
    helper->changed.notify_all();
    if (hangs) {
      helper->thread.detach();
    } else {
      helper->thread.join();
    }
  }
}

GuardedStatfs::Helper* GuardedStatfs::Start() {
  constexpr size_t kMostHelpers = 4;
  if (helpers_.size() == kMostHelpers) return nullptr;
  auto helper = std::make_shared<Helper>(call_);
  helper->thread = std::thread([helper] { helper->Run(); });
  return helpers_.emplace_back(std::move(helper)).get();
}

shared::Result<FilesystemUsage> GuardedStatfs::Call(const std::string& mountpoint) {
  const auto hangs = [&] {
    return Fail(ErrorCode::kTimeout, "statfs {}: hangs, left alone until it returns", mountpoint);
  };
  Helper* idle = nullptr;
  for (const std::shared_ptr<Helper>& helper : helpers_) {
    const std::lock_guard lock(helper->mutex);
    if (helper->state == Helper::State::kAnswered)
      helper->state = Helper::State::kIdle;  // too late
    if (helper->state == Helper::State::kIdle) {
      idle = helper.get();
    } else if (helper->mountpoint == mountpoint) {
      return hangs();
    }
  }
  if (idle == nullptr) idle = Start();
  if (idle == nullptr) {
    return Fail(ErrorCode::kResourceExhausted, "statfs {}: not tried while {} other mounts hang",
                mountpoint, helpers_.size());
  }
  std::unique_lock lock(idle->mutex);
  idle->mountpoint = mountpoint;
  idle->state = Helper::State::kAsked;
  idle->changed.notify_all();
  const bool answered = idle->changed.wait_for(
      lock, deadline_, [&] { return idle->state == Helper::State::kAnswered; });
  if (!answered) return hangs();
  idle->state = Helper::State::kIdle;
  return std::move(idle->answer);
}

}  // namespace agent::host
