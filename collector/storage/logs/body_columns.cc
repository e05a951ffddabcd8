#include "collector/storage/logs/body_columns.h"

#include <cstring>
#include <numeric>

#include "collector/storage/logs/varint.h"

namespace collector::storage {
namespace {

using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::wire::format::ByteReader;

constexpr size_t kMostText = size_t{64} << 20;

bool Contains(std::string_view text, std::string_view part) {
  return part.empty() || memmem(text.data(), text.size(), part.data(), part.size()) != nullptr;
}

tl::unexpected<shared::Error> Malformed(std::string_view what) {
  return Fail(ErrorCode::kMalformed, "log segment: bodies: {}", what);
}

// Lines by template, and where in `order` those of each template begin.
struct Grouped {
  std::vector<uint32_t> order;
  std::vector<uint32_t> begins;  // one more than there are templates
};
Grouped GroupLines(const std::vector<uint32_t>& template_of, size_t templates) {
  Grouped out;
  out.begins.assign(templates + 1, 0);
  for (const uint32_t number : template_of) out.begins[number + 1] += 1;
  std::partial_sum(out.begins.begin(), out.begins.end(), out.begins.begin());
  std::vector<uint32_t> next(out.begins.begin(), out.begins.end() - 1);
  out.order.resize(template_of.size());
  for (uint32_t line = 0; line < template_of.size(); ++line) {
    out.order[next[template_of[line]]++] = line;
  }
  return out;
}

// Positions of a template's holes among its words.
std::vector<size_t> HolesOf(const LogTemplate& form) {
  std::vector<size_t> out;
  for (size_t i = 0; i < form.words.size(); ++i) {
    if (!form.words[i]) out.push_back(i);
  }
  return out;
}

}  // namespace

std::string EncodeBodies(const std::vector<std::string_view>& bodies,
                         const std::vector<LogTemplate>& templates,
                         const std::vector<uint32_t>& template_of) {
  std::string out;
  PutVarint(bodies.size(), out);
  PutVarint(templates.size(), out);
  for (const LogTemplate& form : templates) PutText(form.Text(), out);
  for (const uint32_t number : template_of) PutVarint(number, out);
  const Grouped grouped = GroupLines(template_of, templates.size());
  std::string values, lengths, tails;
  std::vector<std::string> columns;
  BodyWords words;
  for (size_t number = 0; number < templates.size(); ++number) {
    const std::vector<size_t> holes = HolesOf(templates[number]);
    columns.assign(holes.size(), {});
    for (uint32_t i = grouped.begins[number]; i < grouped.begins[number + 1]; ++i) {
      const std::string_view body = bodies[grouped.order[i]];
      if (holes.empty() && !templates[number].tail) break;
      SplitBody(body, words);
      for (size_t hole = 0; hole < holes.size(); ++hole) {
        const Word& word = words.words[holes[hole]];
        columns[hole].append(body, word.begin, word.end - word.begin);
        columns[hole].push_back('\n');
      }
      if (!templates[number].tail) continue;
      PutVarint(body.size() - words.head, lengths);
      tails += body.substr(words.head);
    }
    for (const std::string& column : columns) values += column;
  }
  PutText(values, out);
  PutText(lengths, out);
  out += tails;
  return out;
}

Result<BodyColumns> BodyColumns::Parse(std::string_view content) {
  BodyColumns out;
  ByteReader in(content);
  const uint64_t lines = in.TakeVarint();
  const uint64_t templates = in.TakeVarint();
  // Each takes a byte at least.
  if (in.failed() || lines > in.left() || templates > in.left()) return Malformed("cut short");
  for (uint64_t i = 0; i < templates; ++i) {
    const std::string_view text = TakeText(in);
    std::optional<LogTemplate> form = ParseTemplate(text);
    if (in.failed() || !form) return Malformed("no template");
    out.templates_.push_back(std::move(*form));
  }
  out.template_of_.reserve(lines);
  for (uint64_t i = 0; i < lines; ++i) {
    const uint64_t number = in.TakeVarint();
    if (in.failed() || number >= templates) return Malformed("a line without a template");
    out.template_of_.push_back(static_cast<uint32_t>(number));
  }
  out.values_ = TakeText(in);
  out.tail_lengths_ = TakeText(in);
  if (in.failed()) return Malformed("cut short");
  out.tails_ = in.Take(in.left());
  return out;
}

bool BodyColumns::MayContain(std::string_view word_part) const {
  if (Contains(values_, word_part) || Contains(tails_, word_part)) return true;
  for (const LogTemplate& form : templates_) {
    for (const auto& word : form.words) {
      if (word && Contains(*word, word_part)) return true;
    }
  }
  return false;
}

Result<BodyColumns::Bodies> BodyColumns::PutTogether() const {
  const Grouped grouped = GroupLines(template_of_, templates_.size());
  // One cursor a hole: into the values, at the next line of its template.
  struct Form {
    std::vector<size_t> holes;  // cursors, in the order of the words
  };
  std::vector<Form> forms(templates_.size());
  std::vector<std::string_view> tails(template_of_.size());
  size_t at = 0;
  size_t tail_at = 0;
  ByteReader lengths(tail_lengths_);
  for (size_t number = 0; number < templates_.size(); ++number) {
    const uint32_t lines = grouped.begins[number + 1] - grouped.begins[number];
    for (size_t hole = 0; hole < templates_[number].holes(); ++hole) {
      forms[number].holes.push_back(at);
      for (uint32_t i = 0; i < lines; ++i) {
        const size_t end = values_.find('\n', at);
        if (end == std::string_view::npos) return Malformed("values are missing");
        at = end + 1;
      }
    }
    if (!templates_[number].tail) continue;
    for (uint32_t i = grouped.begins[number]; i < grouped.begins[number + 1]; ++i) {
      const uint64_t length = lengths.TakeVarint();
      if (lengths.failed() || length > tails_.size() - tail_at) {
        return Malformed("tails are missing");
      }
      tails[grouped.order[i]] = tails_.substr(tail_at, length);
      tail_at += length;
    }
  }
  Bodies out;
  out.ends.reserve(template_of_.size());
  for (size_t line = 0; line < template_of_.size(); ++line) {
    const LogTemplate& form = templates_[template_of_[line]];
    size_t* cursor = forms[template_of_[line]].holes.data();
    out.text += form.gaps.front();
    for (size_t i = 0; i < form.words.size(); ++i) {
      if (form.words[i]) {
        out.text += *form.words[i];
      } else {
        const size_t end = values_.find('\n', *cursor);
        out.text += values_.substr(*cursor, end - *cursor);
        *cursor++ = end + 1;
      }
      out.text += form.gaps[i + 1];
    }
    out.text += tails[line];
    if (out.text.size() > kMostText) return Malformed("more than 64 MiB");
    out.ends.push_back(static_cast<uint32_t>(out.text.size()));
  }
  return out;
}

}  // namespace collector::storage
