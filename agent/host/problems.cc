#include "agent/host/problems.h"

namespace agent::host {

void Problems::Begin() {
  for (Entry& entry : entries_) entry.noted = false;
  changed_ = false;
}

void Problems::Note(const shared::Error& error) {
  const bool absent = error.code == shared::ErrorCode::kNotFound;
  if (!absent) faults_noted_ += 1;
  for (Entry& entry : entries_) {
    if (entry.message != error.message) continue;
    entry.noted = true;
    return;
  }
  entries_.push_back({error.message, absent, true});
  changed_ = true;
}

bool Problems::End() {
  const auto gone = std::erase_if(entries_, [](const Entry& entry) { return !entry.noted; });
  return changed_ || gone > 0;
}

std::string Problems::Join(bool absent) const {
  std::string out;
  for (const Entry& entry : entries_) {
    if (entry.absent != absent) continue;
    if (!out.empty()) out += "; ";
    out += entry.message;
  }
  return out;
}

}  // namespace agent::host
