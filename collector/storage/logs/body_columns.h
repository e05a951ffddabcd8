#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "collector/storage/logs/log_template.h"
#include "shared/base/result.h"

// The messages of a segment, before zstd: what their templates say once, what holes and tails hold
// in columns. varint is LEB128, text is varint length and bytes:
//
//   varint lines
//   varint templates, then each as text (log_template.h)
//   varint per line: number of its template
//   text   values: for each template, for each of its holes, for each of its lines in order: the
//          word and '\n', which no word holds
//   text   lengths of tails: varint for each line of each template with a tail
//   bytes  tails, in that order
//
// A word is in no other place than the templates, the values and the tails, so that a search for
// one looks at these, and puts messages together only where it is found.
namespace collector::storage {

// `template_of[i]` is the form of `bodies[i]`, as an index of `templates`; each has at least a
// line.
std::string EncodeBodies(const std::vector<std::string_view>& bodies,
                         const std::vector<LogTemplate>& templates,
                         const std::vector<uint32_t>& template_of);

// The messages of an encoded section. `content` must outlive it.
class BodyColumns {
 public:
  // kMalformed: lengths or numbers that contradict each other.
  static shared::Result<BodyColumns> Parse(std::string_view content);

  [[nodiscard]] size_t lines() const { return template_of_.size(); }
  // False: no message has `word_part`, which must hold word bytes only.
  [[nodiscard]] bool MayContain(std::string_view word_part) const;

  // All messages, one after the other; message i ends at ends[i].
  struct Bodies {
    std::string text;
    std::vector<uint32_t> ends;
    [[nodiscard]] std::string_view at(size_t i) const {
      const size_t begin = i == 0 ? 0 : ends[i - 1];
      return std::string_view(text).substr(begin, ends[i] - begin);
    }
  };
  // kMalformed: values or tails that are missing, or messages of more than 64 MiB in all.
  [[nodiscard]] shared::Result<Bodies> PutTogether() const;

 private:
  std::vector<LogTemplate> templates_;
  std::vector<uint32_t> template_of_;
  std::string_view values_;
  std::string_view tail_lengths_;
  std::string_view tails_;
};

}  // namespace collector::storage
