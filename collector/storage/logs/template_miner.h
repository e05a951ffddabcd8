#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "collector/storage/logs/log_template.h"

namespace collector::storage {

// Finds templates in messages, after Drain (He et al., "Drain: An Online Log Parsing Approach with
// Fixed Depth Tree", ICWS 2017): messages are compared only with those of the same form (the same
// gaps between as many words) and the same first word; the most similar template takes the message
// if at least 60 % of the constant words agree, and words that differ become holes.
//
// Differs from Drain in that gaps are kept to the byte, so that template and values give the
// message back. Bounded by `limit` templates; a form with more than 32 of them gets one in which
// all words are holes. One thread.
class TemplateMiner {
 public:
  explicit TemplateMiner(size_t limit = 4096) : limit_(limit) {}

  // The number of the template that takes `body`, cut by SplitBody. It may gain holes by it, and by
  // later ones; bodies that it took still have its form. Numbers hold until the next Trim.
  uint32_t Add(std::string_view body, const BodyWords& words);
  // A template that an earlier life found.
  void Learn(const LogTemplate& known);

  [[nodiscard]] const LogTemplate& at(uint32_t number) const { return nodes_[number].form; }
  [[nodiscard]] size_t size() const { return nodes_.size(); }

  // Over the limit: forgets those that took nothing for longest, down to half of it.
  void Trim();

 private:
  struct Node {
    LogTemplate form;
    uint64_t used = 0;  // when, in bodies
  };
  uint32_t FindOrInsert(LogTemplate form);
  static std::string ShapeOf(const LogTemplate& form);

  const size_t limit_;
  uint64_t bodies_ = 0;
  std::vector<Node> nodes_;
  std::unordered_map<std::string, std::vector<uint32_t>> by_shape_;
  // By the body with \x01 for variable words, \x02 for a tail (neither stands in a head): what was
  // seen before is found without comparing.
  std::unordered_map<std::string, uint32_t> seen_;
  std::string masked_;  // buffer
};

}  // namespace collector::storage
