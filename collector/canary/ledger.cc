#include "collector/canary/ledger.h"

#include <algorithm>
#include <utility>

namespace collector::canary {

void Ledger::Send(const api::SampleRow& sample, shared::MonotonicTime now) {
  while (!entries_.empty() && now - entries_.begin()->second.sent > options_.keep) {
    entries_.erase(entries_.begin());
  }
  if (!entries_.empty()) strangers_.erase(strangers_.begin(), strangers_.lower_bound(oldest()));
  Entry entry;
  entry.value = sample.value;
  entry.sent = now;
  entries_[sample.time_unix_nano] = entry;
}

void Ledger::Acknowledge(int64_t time_unix_nano, shared::MonotonicTime now) {
  const auto found = entries_.find(time_unix_nano);
  if (found != entries_.end()) found->second.acknowledged = now;
}

Finding Ledger::Compare(std::span<const api::SampleRow> read, int64_t from, int64_t end,
                        shared::MonotonicTime now) {
  Finding out;
  std::map<int64_t, std::pair<double, uint64_t>> values;  // by time: the first value, how often
  for (const api::SampleRow& row : read) {
    const int64_t time = row.time_unix_nano;
    values.try_emplace(time, row.value, 0).first->second.second += 1;
    if (!entries_.contains(time) && strangers_.insert(time).second) out.duplicates += 1;
  }
  for (auto& [time, entry] : entries_) {
    if (time < from || time >= end) {
      out.missing_now += entry.lost ? 1 : 0;
      continue;
    }
    const auto found = values.find(time);
    if (found == values.end()) {
      const bool late =
          entry.acknowledged && (entry.read || now - *entry.acknowledged > options_.deadline);
      if (late && !std::exchange(entry.lost, true)) out.lost.push_back(time);
      out.missing_now += entry.lost ? 1 : 0;
      continue;
    }
    entry.lost = false;
    if (!std::exchange(entry.read, true)) out.delays.push_back(now - entry.sent);
    const auto& [value, times] = found->second;
    if (times > 1 && !std::exchange(entry.doubled, true)) out.duplicates += times - 1;
    if (value != entry.value && !std::exchange(entry.wrong, true)) out.wrong += 1;
  }
  return out;
}

int64_t Ledger::oldest() const {
  return entries_.empty() ? 0 : entries_.begin()->first;
}

int64_t Ledger::newest() const {
  return entries_.empty() ? 0 : entries_.rbegin()->first;
}

bool Ledger::WasRead(int64_t time_unix_nano) const {
  const auto found = entries_.find(time_unix_nano);
  return found != entries_.end() && found->second.read;
}

}  // namespace collector::canary
