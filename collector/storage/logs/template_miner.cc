#include "collector/storage/logs/template_miner.h"

#include <algorithm>

namespace collector::storage {
namespace {

constexpr size_t kMostOfAShape = 32;
constexpr double kSimilar = 0.6;

// Of the positions where either has a constant, the part where both have the same; -1: the first
// words differ.
double Similarity(const LogTemplate& known, const LogTemplate& form) {
  if (!form.words.empty() && known.words.front() != form.words.front()) return -1;
  size_t equal = 0;
  size_t constants = 0;
  for (size_t i = 0; i < form.words.size(); ++i) {
    if (!known.words[i] && !form.words[i]) continue;
    constants += 1;
    if (known.words[i] == form.words[i]) equal += 1;
  }
  return constants == 0 ? 1 : static_cast<double>(equal) / static_cast<double>(constants);
}

}  // namespace

std::string TemplateMiner::ShapeOf(const LogTemplate& form) {
  std::string shape;
  for (const std::string& gap : form.gaps) {
    shape += gap;
    shape.push_back('\x01');
  }
  if (form.tail) shape.push_back('\x02');
  return shape;
}

uint32_t TemplateMiner::Add(std::string_view body, const BodyWords& words) {
  masked_.clear();
  size_t at = 0;
  for (const Word& word : words.words) {
    if (!word.variable) continue;
    masked_.append(body, at, word.begin - at);
    masked_.push_back('\x01');
    at = word.end;
  }
  masked_.append(body, at, words.head - at);
  if (words.head < body.size()) masked_.push_back('\x02');
  bodies_ += 1;
  const auto known = seen_.find(masked_);
  if (known != seen_.end()) {
    nodes_[known->second].used = bodies_;
    return known->second;
  }
  const uint32_t number = FindOrInsert(TemplateOf(body, words));
  nodes_[number].used = bodies_;
  if (seen_.size() >= 4 * limit_) seen_.clear();
  seen_.emplace(masked_, number);
  return number;
}

void TemplateMiner::Learn(const LogTemplate& known) {
  std::vector<uint32_t>& same_shape = by_shape_[ShapeOf(known)];
  for (const uint32_t number : same_shape) {
    if (nodes_[number].form == known) return;
  }
  same_shape.push_back(static_cast<uint32_t>(nodes_.size()));
  nodes_.push_back({known, bodies_});
}

uint32_t TemplateMiner::FindOrInsert(LogTemplate form) {
  std::vector<uint32_t>& same_shape = by_shape_[ShapeOf(form)];
  double best = -1;
  uint32_t chosen = 0;
  for (const uint32_t number : same_shape) {
    const double similarity = Similarity(nodes_[number].form, form);
    if (similarity > best) {
      best = similarity;
      chosen = number;
    }
  }
  if (best < kSimilar) {
    if (same_shape.size() >= kMostOfAShape) {
      // Free text: its words are all values. Its own first word is a hole, too, and is found again.
      form.words.assign(form.words.size(), std::nullopt);
      for (const uint32_t number : same_shape) {
        if (nodes_[number].form == form) return number;
      }
    }
    chosen = static_cast<uint32_t>(nodes_.size());
    same_shape.push_back(chosen);
    nodes_.push_back({std::move(form), bodies_});
    return chosen;
  }
  LogTemplate& known = nodes_[chosen].form;
  for (size_t i = 0; i < form.words.size(); ++i) {
    if (known.words[i] != form.words[i]) known.words[i].reset();
  }
  return chosen;
}

void TemplateMiner::Trim() {
  if (nodes_.size() <= limit_) return;
  std::vector<Node> kept = std::move(nodes_);
  std::sort(kept.begin(), kept.end(), [](const Node& a, const Node& b) { return a.used > b.used; });
  kept.resize(limit_ / 2);
  nodes_.clear();
  by_shape_.clear();
  seen_.clear();
  for (const Node& node : kept) {
    by_shape_[ShapeOf(node.form)].push_back(static_cast<uint32_t>(nodes_.size()));
    nodes_.push_back(node);
  }
}

}  // namespace collector::storage
