#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "collector/storage/logs/log_template.h"
#include "collector/storage/logs/section_bytes.h"
#include "collector/storage/logs/word_column.h"
#include "shared/base/result.h"

// The messages of a segment, before zstd: what their templates say once, what holes and tails hold
// in columns. varint is LEB128, text is varint length and bytes, numbers are a NumberColumn. Format
// 2, which is written:
//
//   varint   lines
//   varint   templates, then each as text (log_template.h)
//   numbers  template of each line
//   words    for each template, for each of its holes: a WordColumn, for each of its lines in order
//   varint   tails that differ
//   numbers  length of each
//   bytes    they themselves
//   numbers  for each template with a tail, for each of its lines in order: which of the tails
//
// Format 1, which is still read:
//
//   varint lines
//   varint templates, then each as text
//   varint per line: number of its template
//   text   values: for each template, for each of its holes, for each of its lines in order: the
//          word and '\n', which no word holds
//   text   lengths of tails: varint for each line of each template with a tail
//   bytes  tails, in that order
//
// A word is in no other place than the templates, the columns and the tails, so that a search for
// one looks at these, and puts messages together only where it is found.
namespace collector::storage {

// Format 2. `template_of[i]` is the form of message i, as an index of `templates`; each has at
// least a line.
SectionBytes EncodeBodies(const SplitBodies& bodies, const std::vector<LogTemplate>& templates,
                          const std::vector<uint32_t>& template_of);

// The messages of an encoded section. `content` must outlive it.
class BodyColumns {
 public:
  // kMalformed: lengths or numbers that contradict each other; a format that we do not know.
  static shared::Result<BodyColumns> Parse(int16_t format, std::string_view content);

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
  // kMalformed: words that are missing, or messages of more than 64 MiB in all.
  [[nodiscard]] shared::Result<Bodies> PutTogether() const;

 private:
  using Reader = shared::wire::format::ByteReader;
  struct Form {
    LogTemplate form;
    uint32_t lines = 0;
    std::vector<WordColumn> holes;
    std::vector<std::string_view> tails;  // by line, if there are any
  };

  shared::Result<void> ParseColumns1(Reader& in);
  shared::Result<void> ParseColumns2(Reader& in);

  std::vector<Form> forms_;
  std::vector<uint32_t> template_of_;
  std::vector<std::string_view> tails_;  // that are worth looking into
};

}  // namespace collector::storage
