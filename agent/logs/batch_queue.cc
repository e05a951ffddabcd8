#include "agent/logs/batch_queue.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "shared/base/file.h"
#include "shared/log/log.h"

namespace agent::logs {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

constexpr std::string_view kQuarantinePrefix = "logs-";

// Removes the oldest of our files until they are at most `limit` bytes.
void LimitDirectory(const std::string& directory, uint64_t limit) {
  struct Kept {
    int64_t mtime;
    uint64_t size;
    std::string path;
  };
  std::vector<Kept> files;
  uint64_t total = 0;
  const std::unique_ptr<DIR, CloseDirectory> open(::opendir(directory.c_str()));
  if (open == nullptr) return;
  while (const dirent* entry = ::readdir(open.get())) {
    const std::string_view name = entry->d_name;
    if (name.substr(0, kQuarantinePrefix.size()) != kQuarantinePrefix) continue;
    std::string path = directory + "/" + std::string(name);
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) continue;
    const auto size = static_cast<uint64_t>(status.st_size);
    total += size;
    files.push_back(
        {status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec, size, std::move(path)});
  }
  std::sort(files.begin(), files.end(), [](const Kept& a, const Kept& b) {
    return std::tie(a.mtime, a.path) < std::tie(b.mtime, b.path);
  });
  for (size_t i = 0; i < files.size() && total > limit; ++i) {
    if (::unlink(files[i].path.c_str()) == 0) total -= files[i].size;
  }
}

}  // namespace

BatchQueue::BatchQueue(Options options, pipeline::Drops& drops)
    : options_(std::move(options)), drops_(drops) {}

bool BatchQueue::HasRoom() const {
  return state_.With(
      [&](const State& state) { return state.waiting_bytes < options_.capacity_bytes; });
}

uint64_t BatchQueue::next_sequence() const {
  return state_.With([](const State& state) { return state.next_sequence; });
}

size_t BatchQueue::waiting_bytes() const {
  return state_.With([](const State& state) { return state.waiting_bytes; });
}

void BatchQueue::Push(std::string body, std::vector<FilePosition> positions, uint64_t records) {
  state_.With([&](State& state) {
    state.waiting_bytes += body.size();
    state.waiting.push_back({state.next_sequence, std::move(body), std::move(positions), records});
    state.next_sequence += 1;
  });
  if (ready_) ready_();
}

std::vector<FilePosition> BatchQueue::TakeSettled() {
  return state_.With([](State& state) { return std::exchange(state.settled, {}); });
}

std::optional<ship::OutgoingBatch> BatchQueue::Next() {
  return state_.With([&](const State& state) -> std::optional<ship::OutgoingBatch> {
    if (state.waiting.empty()) return std::nullopt;
    const Waiting& oldest = state.waiting.front();
    return ship::OutgoingBatch{options_.incarnation, oldest.sequence, oldest.body};
  });
}

void BatchQueue::Acknowledge(uint64_t incarnation, uint64_t sequence) {
  if (incarnation != options_.incarnation) return;
  state_.With([&](State& state) {
    while (!state.waiting.empty() && state.waiting.front().sequence <= sequence) {
      Waiting& oldest = state.waiting.front();
      state.waiting_bytes -= oldest.body.size();
      for (FilePosition& position : oldest.positions) state.settled.push_back(std::move(position));
      state.waiting.pop_front();
    }
  });
  if (settled_) settled_();
}

void BatchQueue::SetAside(uint64_t incarnation, uint64_t sequence, std::string_view reason) {
  if (incarnation != options_.incarnation) return;
  const std::optional<Waiting> batch = state_.With([&](const State& state) {
    for (const Waiting& each : state.waiting) {
      if (each.sequence == sequence) return std::optional<Waiting>(each);
    }
    return std::optional<Waiting>();
  });
  if (!batch) return;
  shared::log::Error("logs: the collector refused batch {} with {} records: {}", sequence,
                     batch->records, reason);
  Quarantine(*batch);
  drops_.Add(pgvigil::v1::STREAM_LOGS, "refused", batch->records, batch->body.size());
  Acknowledge(incarnation, sequence);
}

void BatchQueue::Quarantine(const Waiting& batch) {
  const std::string path = fmt::format("{}/{}{}-{:08}.zst", options_.quarantine_directory,
                                       kQuarantinePrefix, options_.incarnation, batch.sequence);
  shared::Result<void> written = shared::MakeDirectories(options_.quarantine_directory);
  if (written) written = shared::WriteFileDurably(path, batch.body);
  if (!written) {
    shared::log::Error("logs: no copy of refused batch {}: {}", batch.sequence,
                       written.error().message);
  }
  LimitDirectory(options_.quarantine_directory, options_.quarantine_bytes);
}

void BatchQueue::SetReadyCallback(std::function<void()> ready) {
  ready_ = std::move(ready);
}
void BatchQueue::SetSettledCallback(std::function<void()> settled) {
  settled_ = std::move(settled);
}

}  // namespace agent::logs
