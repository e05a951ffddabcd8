#include "tests/support/faulty_files.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace tests {

using agent::spool::File;
using agent::spool::Lock;
using shared::FailErrno;
using shared::Result;

namespace {
constexpr uint64_t kSector = 512;
}  // namespace

class FaultyFile final : public File {
 public:
  FaultyFile(FaultyFiles& files, std::shared_ptr<FaultyFiles::Node> node)
      : files_(files), node_(std::move(node)), life_(files.life_) {}

  Result<std::string> ReadAt(uint64_t offset, size_t size) override {
    const std::lock_guard lock(files_.mutex_);
    if (files_.Take(files_.fail_reads_)) return FailErrno(EIO, "read");
    if (offset >= node_->content.size()) return std::string();
    return node_->content.substr(offset, size);
  }

  Result<void> WriteAt(uint64_t offset, std::string_view bytes) override {
    const std::lock_guard lock(files_.mutex_);
    if (life_ != files_.life_) return FailErrno(EIO, "write by the dead");
    const bool fail = files_.Take(files_.fail_writes_);
    if (fail) bytes = bytes.substr(0, files_.tear_ ? files_.random_() % (bytes.size() + 1) : 0);
    const uint64_t end = offset + bytes.size();
    if (end > node_->content.size()) {
      if (files_.Used() + end - node_->content.size() > files_.space_) {
        return FailErrno(ENOSPC, "write");
      }
      node_->content.resize(end, '\0');
    }
    std::copy(bytes.begin(), bytes.end(),
              node_->content.begin() + static_cast<std::ptrdiff_t>(offset));
    files_.MarkUnsynced(*node_, offset, bytes.size());
    if (fail) return FailErrno(EIO, "write");
    return {};
  }

  Result<void> Reserve(uint64_t size) override {
    const std::lock_guard lock(files_.mutex_);
    if (size <= node_->content.size()) return {};
    if (files_.Used() + size - node_->content.size() > files_.space_) {
      return FailErrno(ENOSPC, "reserve");
    }
    const uint64_t old = node_->content.size();
    node_->content.resize(size, '\0');
    files_.MarkUnsynced(*node_, old, size - old);
    return {};
  }

  Result<void> Sync() override {
    const std::lock_guard lock(files_.mutex_);
    if (life_ != files_.life_) return FailErrno(EIO, "sync by the dead");
    files_.syncs_ += 1;
    const bool fail = files_.Take(files_.fail_syncs_);
    if (!fail) files_.MakeDurable(*node_);
    // After a failure the sectors count as clean, though the medium does not have them.
    node_->unsynced.assign(node_->unsynced.size(), false);
    if (fail) return FailErrno(EIO, "fdatasync");
    return {};
  }

 private:
  FaultyFiles& files_;
  std::shared_ptr<FaultyFiles::Node> node_;
  uint64_t life_;
};

namespace {

class FaultyLock final : public Lock {
 public:
  FaultyLock(std::map<std::string, bool>& locks, std::string path)
      : locks_(locks), path_(std::move(path)) {}
  ~FaultyLock() override { locks_[path_] = false; }

 private:
  std::map<std::string, bool>& locks_;
  std::string path_;
};

std::string DirectoryOf(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

}  // namespace

bool FaultyFiles::Take(int& count) {
  if (count == 0) return false;
  count -= 1;
  return true;
}

void FaultyFiles::MarkUnsynced(Node& node, uint64_t offset, uint64_t size) {
  node.unsynced.resize((node.content.size() + kSector - 1) / kSector, false);
  for (uint64_t sector = offset / kSector; sector * kSector < offset + size; ++sector) {
    node.unsynced[sector] = true;
  }
}

void FaultyFiles::MakeDurable(Node& node) {
  node.durable.resize(std::max(node.content.size(), node.durable.size()), '\0');
  for (uint64_t sector = 0; sector < node.unsynced.size(); ++sector) {
    if (!node.unsynced[sector]) continue;
    const uint64_t begin = sector * kSector;
    const uint64_t size = std::min(kSector, node.content.size() - begin);
    node.durable.replace(begin, size, node.content, begin, size);
  }
}

uint64_t FaultyFiles::Used() const {
  uint64_t used = 0;
  for (const auto& [path, node] : nodes_) used += node->content.size();
  return used;
}

void FaultyFiles::Kill() {
  const std::lock_guard lock(mutex_);
  life_ += 1;
  fail_writes_ = fail_syncs_ = fail_creates_ = fail_reads_ = 0;
}

void FaultyFiles::PowerCut() {
  Kill();
  const std::lock_guard lock(mutex_);
  for (auto at = nodes_.begin(); at != nodes_.end();) {
    Node& node = *at->second;
    if (!node.named && random_() % 2 == 0) {
      at = nodes_.erase(at);
      continue;
    }
    std::string survived = node.durable;
    survived.resize(std::max(node.content.size(), node.durable.size()), '\0');
    const uint64_t luck = random_() % 4;  // all, none, or some of the sectors
    for (uint64_t sector = 0; sector < node.unsynced.size(); ++sector) {
      if (!node.unsynced[sector] || luck == 0) continue;
      if (luck >= 2 && random_() % 2 == 0) continue;
      const uint64_t begin = sector * kSector;
      const uint64_t size = std::min(kSector, node.content.size() - begin);
      survived.replace(begin, size, node.content, begin, size);
    }
    // A new node: what is still open keeps the old one.
    auto reborn = std::make_shared<Node>();
    reborn->content = survived;
    reborn->durable = survived;
    reborn->unsynced.assign((survived.size() + kSector - 1) / kSector, false);
    reborn->named = true;
    at->second = reborn;
    ++at;
  }
}

void FaultyFiles::FailWrites(int count, bool tear) {
  const std::lock_guard lock(mutex_);
  fail_writes_ = count;
  tear_ = tear;
}
void FaultyFiles::FailSyncs(int count) {
  const std::lock_guard lock(mutex_);
  fail_syncs_ = count;
}
void FaultyFiles::FailCreates(int count) {
  const std::lock_guard lock(mutex_);
  fail_creates_ = count;
}
void FaultyFiles::FailReads(int count) {
  const std::lock_guard lock(mutex_);
  fail_reads_ = count;
}
void FaultyFiles::SetSpace(uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  space_ = bytes;
}

std::string* FaultyFiles::Content(const std::string& path) {
  const std::lock_guard lock(mutex_);
  const auto at = nodes_.find(path);
  return at == nodes_.end() ? nullptr : &at->second->content;
}

std::vector<std::string> FaultyFiles::Paths() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> out;
  for (const auto& [path, node] : nodes_) out.push_back(path);
  return out;
}

Result<std::unique_ptr<File>> FaultyFiles::Open(const std::string& path) {
  const std::lock_guard lock(mutex_);
  const auto at = nodes_.find(path);
  if (at == nodes_.end()) return FailErrno(ENOENT, "open " + path);
  return std::make_unique<FaultyFile>(*this, at->second);
}

Result<std::unique_ptr<File>> FaultyFiles::Create(const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (Take(fail_creates_)) return FailErrno(ENOSPC, "create " + path);
  std::shared_ptr<Node>& node = nodes_[path];
  node = std::make_shared<Node>();
  return std::make_unique<FaultyFile>(*this, node);
}

Result<std::vector<std::string>> FaultyFiles::List(const std::string& directory) {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [path, node] : nodes_) {
    if (DirectoryOf(path) == directory) names.push_back(path.substr(directory.size() + 1));
  }
  return names;
}

Result<uint64_t> FaultyFiles::Size(const std::string& path) {
  const std::lock_guard lock(mutex_);
  const auto at = nodes_.find(path);
  if (at == nodes_.end()) return FailErrno(ENOENT, "stat " + path);
  return at->second->content.size();
}

Result<void> FaultyFiles::Remove(const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (nodes_.erase(path) == 0) return FailErrno(ENOENT, "remove " + path);
  return {};
}

Result<void> FaultyFiles::MakeDirectory(const std::string&) {
  return {};
}

Result<void> FaultyFiles::SyncDirectory(const std::string& path) {
  const std::lock_guard lock(mutex_);
  for (const auto& [name, node] : nodes_) {
    if (DirectoryOf(name) == path) node->named = true;
  }
  return {};
}

Result<std::unique_ptr<Lock>> FaultyFiles::TakeLock(const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (locks_[path]) {
    return shared::Fail(shared::ErrorCode::kUnavailable, "lock {}: another process holds it", path);
  }
  locks_[path] = true;
  return std::make_unique<FaultyLock>(locks_, path);
}

}  // namespace tests
