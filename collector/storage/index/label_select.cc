// The selecting half of label_index.h: which series pass a filter.
#include <algorithm>
#include <utility>

#include "collector/storage/index/label_index.h"
#include "collector/storage/index/ordinal_set.h"

namespace collector::storage {
namespace {

using Subject = SeriesFilter::Subject;
using Condition = SeriesFilter::Condition;

// To ask a pattern about a value takes as long as to look at so many candidates.
constexpr size_t kCandidatesPerValue = 16;
// To look up a candidate's value takes as long as to read so many postings.
constexpr size_t kPostingsPerCandidate = 8;
// A list so many times longer than the other is galloped through.
constexpr size_t kGallop = 16;

// Both ascending; `large` much longer.
std::vector<uint32_t> Gallop(std::span<const uint32_t> small, std::span<const uint32_t> large) {
  std::vector<uint32_t> out;
  const uint32_t* from = large.data();
  const uint32_t* const end = from + large.size();
  for (const uint32_t wanted : small) {
    size_t step = 1;
    const uint32_t* to = from;
    while (to < end && *to < wanted) {
      from = to + 1;
      to = static_cast<size_t>(end - to) > step ? to + step : end;
      step *= 2;
    }
    from = std::lower_bound(from, to, wanted);
    if (from == end) break;
    if (*from == wanted) out.push_back(wanted);
  }
  return out;
}

bool HostPasses(const Condition& condition, std::string_view name, std::string_view key) {
  switch (condition.subject) {
    case Subject::kHostName:
      return condition.test.Accepts(name);
    case Subject::kHostKey:
      return condition.test.Accepts(key);
    case Subject::kHostNameOrKey:
      return condition.test.Accepts(name) || condition.test.Accepts(key);
    case Subject::kLabel:
      break;
  }
  return false;
}

enum Verdict : uint8_t { kUnknown, kPasses, kFails };

}  // namespace

size_t LabelIndex::ValuesToJudge(const Condition& condition) const {
  if (condition.subject != Subject::kLabel) return hosts_.size();
  const uint32_t name = FindName(condition.name);
  return name == kNone ? 0 : names_[name].pairs.size();
}

LabelIndex::Listing LabelIndex::List(const Condition& condition) const {
  Listing out{&condition, {}, 0};
  const auto add = [&](const PostingList& list) {
    out.lists.push_back(list.items());
    out.total += list.size();
  };
  if (condition.subject != Subject::kLabel) {
    for (const Host& host : hosts_) {
      if (HostPasses(condition, host.name, host.key)) add(host.series);
    }
    return out;
  }
  const uint32_t name = FindName(condition.name);
  if (name == kNone) return out;
  if (condition.test.literals().empty()) {
    for (const uint32_t pair : names_[name].pairs) {
      if (condition.test.Accepts(symbols_[pairs_[pair].value])) add(pairs_[pair].series);
    }
    return out;
  }
  Ordinals found;
  for (const std::string& value : condition.test.literals()) {
    const uint32_t pair = FindPair(name, value);
    if (pair != kNone) found.push_back(pair);
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  for (const uint32_t pair : found) add(pairs_[pair].series);
  return out;
}

LabelIndex::Ordinals LabelIndex::Union(const Listing& listing) const {
  Ordinals out;
  out.reserve(listing.total);
  if (listing.lists.size() == 1 || listing.total < rows_.size() / 64) {
    for (const std::span<const uint32_t> list : listing.lists) {
      out.insert(out.end(), list.begin(), list.end());
    }
    if (listing.lists.size() > 1) std::sort(out.begin(), out.end());
    return out;
  }
  OrdinalSet all(rows_.size());
  for (const std::span<const uint32_t> list : listing.lists) all.Add(list);
  all.AppendTo(out);
  return out;
}

void LabelIndex::Narrow(const Listing& listing, Ordinals& candidates) const {
  if (listing.lists.size() == 1 && listing.total > kGallop * candidates.size()) {
    candidates = Gallop(candidates, listing.lists.front());
  } else if (listing.total > kPostingsPerCandidate * candidates.size()) {
    Keep(*listing.condition, candidates);
  } else {
    OrdinalSet passing(rows_.size());
    for (const std::span<const uint32_t> list : listing.lists) passing.Add(list);
    std::erase_if(candidates, [&](uint32_t ordinal) { return !passing.Has(ordinal); });
  }
}

void LabelIndex::Keep(const Condition& condition, Ordinals& candidates) const {
  if (condition.subject == Subject::kLabel) return KeepByLabel(condition, candidates);
  std::vector<uint8_t> verdicts(hosts_.size(), kUnknown);
  std::erase_if(candidates, [&](uint32_t ordinal) {
    const uint32_t host = rows_[ordinal].host;
    if (verdicts[host] == kUnknown) {
      const bool passes = HostPasses(condition, hosts_[host].name, hosts_[host].key);
      verdicts[host] = passes ? kPasses : kFails;
    }
    return verdicts[host] == kFails;
  });
}

void LabelIndex::KeepByLabel(const Condition& condition, Ordinals& candidates) const {
  const uint32_t name = FindName(condition.name);
  const bool absent_fails = !condition.test.accepts_empty();
  if (name == kNone) {
    if (absent_fails) candidates.clear();
    return;
  }
  std::vector<uint8_t> verdicts(pairs_.size(), kUnknown);  // of pairs of that name
  const auto judge = [&](uint32_t pair) {
    const bool passes = condition.test.Accepts(symbols_[pairs_[pair].value]);
    return verdicts[pair] = passes ? kPasses : kFails;
  };
  size_t place = 0;  // where the label stood last: series of a kind have the same ones
  std::erase_if(candidates, [&](uint32_t ordinal) {
    const std::span<const uint32_t> pairs = PairsOf(ordinal);
    if (place < pairs.size() && verdicts[pairs[place]] != kUnknown) {
      return verdicts[pairs[place]] == kFails;
    }
    for (size_t i = 0; i < pairs.size(); ++i) {
      if (pairs_[pairs[i]].name != name) continue;
      place = i;
      const uint8_t known = verdicts[pairs[i]];
      return (known == kUnknown ? judge(pairs[i]) : known) == kFails;
    }
    return absent_fails;
  });
}

// From the shortest list on, the others narrow it.
LabelIndex::Ordinals LabelIndex::Candidates(std::vector<Listing> listed) const {
  std::sort(listed.begin(), listed.end(),
            [](const Listing& a, const Listing& b) { return a.total < b.total; });
  Ordinals out = Union(listed.front());
  for (size_t i = 1; i < listed.size() && !out.empty(); ++i) Narrow(listed[i], out);
  return out;
}

LabelIndex::Ordinals LabelIndex::Select(const SeriesFilter& filter) const {
  std::vector<Listing> listed;
  std::vector<const Condition*> patterns;  // values must be judged, and a series needs one
  std::vector<const Condition*> rest;
  for (const Condition& condition : filter.conditions) {
    if (condition.test.accepts_empty()) {
      rest.push_back(&condition);
    } else if (condition.test.literals().empty()) {
      patterns.push_back(&condition);
    } else {
      listed.push_back(List(condition));
    }
  }
  std::sort(patterns.begin(), patterns.end(), [&](const Condition* a, const Condition* b) {
    return ValuesToJudge(*a) < ValuesToJudge(*b);
  });
  for (const Condition* condition : patterns) {
    size_t shortest = SIZE_MAX;
    for (const Listing& listing : listed) shortest = std::min(shortest, listing.total);
    if (ValuesToJudge(*condition) < shortest / kCandidatesPerValue) {
      listed.push_back(List(*condition));
    } else {
      rest.push_back(condition);
    }
  }
  Ordinals candidates;
  if (listed.empty()) {
    candidates.resize(rows_.size());
    for (uint32_t i = 0; i < candidates.size(); ++i) candidates[i] = i;
  } else {
    candidates = Candidates(std::move(listed));
  }
  std::erase_if(candidates, [&](uint32_t ordinal) {
    const Row32& row = rows_[ordinal];
    return row.hidden || row.last_day < filter.from || row.first_day > filter.to;
  });
  for (const Condition* condition : rest) Keep(*condition, candidates);
  return candidates;
}

void LabelIndex::KeepFirstMetrics(size_t count, std::vector<uint32_t>& ordinals) const {
  if (ordinals.size() <= count) return;
  std::vector<uint32_t> series(pairs_.size());
  Ordinals metrics;
  for (const uint32_t ordinal : ordinals) {
    const uint32_t metric = rows_[ordinal].metric;
    if (series[metric]++ == 0) metrics.push_back(metric);
  }
  std::sort(metrics.begin(), metrics.end(), [&](uint32_t a, uint32_t b) {
    return symbols_[pairs_[a].value] < symbols_[pairs_[b].value];
  });
  size_t before = 0;
  for (const uint32_t metric : metrics) {
    before += std::exchange(series[metric], before < count ? 1 : 0);
  }
  std::erase_if(ordinals, [&](uint32_t ordinal) { return series[rows_[ordinal].metric] == 0; });
}

}  // namespace collector::storage
