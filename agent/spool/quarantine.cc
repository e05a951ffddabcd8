#include "agent/spool/quarantine.h"

#include <fmt/format.h>

#include <memory>
#include <utility>
#include <vector>

#include "shared/log/log.h"

namespace agent::spool {
namespace {

std::string Plain(std::string_view reason) {
  std::string out;
  for (const char c : reason.substr(0, 40)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    out.push_back(plain || c == '_' || c == '-' ? c : '_');
  }
  return out;
}

}  // namespace

void Quarantine::Keep(Name name, std::string_view reason, std::string_view bytes) {
  if (bytes.empty() || bytes.size() > cap_bytes_) return;
  if (!files_->MakeDirectory(directory_)) return;
  MakeRoom(bytes.size());
  const std::string path = fmt::format("{}/{:020}-{:020}-{}", directory_, name.incarnation,
                                       name.sequence, Plain(reason));
  const Result<std::unique_ptr<File>> file = files_->Create(path);
  if (!file || !(*file)->WriteAt(0, bytes)) {
    static_cast<void>(files_->Remove(path));
    return;
  }
  shared::log::Info("kept {} bytes in {}", bytes.size(), path);
}

void Quarantine::MakeRoom(uint64_t bytes) {
  const Result<std::vector<std::string>> names = files_->List(directory_);
  if (!names) return;
  uint64_t used = 0;
  std::vector<std::pair<std::string, uint64_t>> kept;
  for (const std::string& name : *names) {
    std::string path = directory_ + "/" + name;
    const uint64_t size = files_->Size(path).value_or(0);
    used += size;
    kept.emplace_back(std::move(path), size);
  }
  for (const auto& [path, size] : kept) {
    if (used + bytes <= cap_bytes_) return;
    if (files_->Remove(path)) used -= size;
  }
}

}  // namespace agent::spool
