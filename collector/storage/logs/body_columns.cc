#include "collector/storage/logs/body_columns.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <unordered_map>

#include "collector/storage/logs/varint.h"

namespace collector::storage {
namespace {

using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::wire::format::ByteReader;

constexpr size_t kMostText = size_t{64} << 20;
// A column of equal words takes no room: this bounds what it may stand for.
constexpr size_t kMostLines = size_t{1} << 20;

bool Contains(std::string_view text, std::string_view part) {
  return !text.empty() && memmem(text.data(), text.size(), part.data(), part.size()) != nullptr;
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

std::vector<uint64_t> TakeVarints(ByteReader& in, size_t count) {
  if (count > in.left()) in.Fail();
  std::vector<uint64_t> out(in.failed() ? 0 : count);
  in.TakeVarints(out);
  return out;
}

void PutTails(const std::vector<std::string_view>& tails, SectionBytes& out) {
  std::unordered_map<std::string_view, uint64_t> known;
  std::vector<uint64_t> lengths, numbers;
  std::string text;
  for (const std::string_view tail : tails) {
    const auto [entry, added] = known.try_emplace(tail, known.size());
    numbers.push_back(entry->second);
    if (!added) continue;
    lengths.push_back(tail.size());
    text += tail;
  }
  PutVarint(lengths.size(), out.bytes);
  PutNumbers(lengths, out);
  out.AddColumn(text);
  PutNumbers(numbers, out);
}

}  // namespace

SectionBytes EncodeBodies(const SplitBodies& bodies, const std::vector<LogTemplate>& templates,
                          const std::vector<uint32_t>& template_of) {
  SectionBytes out;
  PutVarint(bodies.size(), out.bytes);
  PutVarint(templates.size(), out.bytes);
  std::string texts;
  for (const LogTemplate& form : templates) PutText(form.Text(), texts);
  out.AddColumn(texts);
  PutNumbers(std::vector<uint64_t>(template_of.begin(), template_of.end()), out);
  const Grouped grouped = GroupLines(template_of, templates.size());
  std::vector<std::string_view> words, tails;
  for (size_t number = 0; number < templates.size(); ++number) {
    const LogTemplate& form = templates[number];
    const auto begin = grouped.order.begin() + grouped.begins[number];
    const auto end = grouped.order.begin() + grouped.begins[number + 1];
    for (size_t i = 0; i < form.words.size(); ++i) {
      if (form.words[i]) continue;
      words.clear();
      std::for_each(begin, end, [&](uint32_t line) { words.push_back(bodies.word(line, i)); });
      PutWords(words, out);
    }
    if (!form.tail) continue;
    std::for_each(begin, end, [&](uint32_t line) { tails.push_back(bodies.tail(line)); });
  }
  PutTails(tails, out);
  return out;
}

Result<BodyColumns> BodyColumns::Parse(int16_t format, std::string_view content) {
  if (format != 1 && format != 2) {
    return Fail(ErrorCode::kMalformed, "log segment: format {}: this collector reads 1 and 2",
                format);
  }
  BodyColumns out;
  ByteReader in(content);
  const uint64_t lines = in.TakeVarint();
  const uint64_t templates = in.TakeVarint();
  // Each template takes a byte at least.
  if (in.failed() || lines > kMostLines || templates > in.left()) return Malformed("cut short");
  for (uint64_t i = 0; i < templates; ++i) {
    std::optional<LogTemplate> form = ParseTemplate(TakeText(in));
    if (in.failed() || !form) return Malformed("no template");
    out.forms_.push_back({std::move(*form), 0, {}, {}});
  }
  out.template_of_.reserve(lines);
  const std::vector<uint64_t> numbers =
      format == 1 ? TakeVarints(in, lines) : TakeNumbers(in, lines);
  if (in.failed()) return Malformed("cut short");
  for (const uint64_t number : numbers) {
    if (number >= templates) return Malformed("a line without a template");
    out.template_of_.push_back(static_cast<uint32_t>(number));
    out.forms_[number].lines += 1;
  }
  RETURN_IF_ERROR(format == 1 ? out.ParseColumns1(in) : out.ParseColumns2(in));
  return out;
}

// The columns stand one after the other: where one ends shows by counting its lines.
Result<void> BodyColumns::ParseColumns1(ByteReader& in) {
  const std::string_view values = TakeText(in);
  ByteReader lengths(TakeText(in));
  size_t at = 0;
  for (Form& form : forms_) {
    for (size_t hole = 0; hole < form.form.holes(); ++hole) {
      const size_t begin = at;
      for (uint32_t i = 0; i < form.lines; ++i) {
        const size_t end = values.find('\n', at);
        if (end == std::string_view::npos) return Malformed("values are missing");
        at = end + 1;
      }
      form.holes.push_back(WordColumn::OfText(values.substr(begin, at - begin)));
    }
    if (!form.form.tail) continue;
    for (uint32_t i = 0; i < form.lines; ++i) {
      form.tails.push_back(in.Take(lengths.TakeVarint()));
      tails_.push_back(form.tails.back());
    }
  }
  if (in.failed() || lengths.failed()) return Malformed("tails are missing");
  return {};
}

Result<void> BodyColumns::ParseColumns2(ByteReader& in) {
  size_t with_tail = 0;
  for (Form& form : forms_) {
    for (size_t hole = 0; hole < form.form.holes(); ++hole) {
      form.holes.emplace_back().Take(in, form.lines);
      if (in.failed()) return Malformed("values are missing");
    }
    if (form.form.tail) with_tail += form.lines;
  }
  const uint64_t tails = in.TakeVarint();
  if (in.failed() || tails > with_tail) return Malformed("tails are missing");
  for (const uint64_t length : TakeNumbers(in, tails)) tails_.push_back(in.Take(length));
  const std::vector<uint64_t> numbers = TakeNumbers(in, with_tail);
  if (in.failed()) return Malformed("tails are missing");
  auto next = numbers.begin();
  for (Form& form : forms_) {
    if (!form.form.tail) continue;
    for (uint32_t i = 0; i < form.lines; ++i) {
      const uint64_t number = *next++;
      if (number >= tails_.size()) return Malformed("a tail that is not there");
      form.tails.push_back(tails_[number]);
    }
  }
  return {};
}

bool BodyColumns::MayContain(std::string_view word_part) const {
  if (word_part.empty()) return true;
  const auto has = [&](std::string_view text) { return Contains(text, word_part); };
  if (std::any_of(tails_.begin(), tails_.end(), has)) return true;
  for (const Form& form : forms_) {
    for (const auto& word : form.form.words) {
      if (word && has(*word)) return true;
    }
    for (const WordColumn& hole : form.holes) {
      if (hole.MayContain(word_part)) return true;
    }
  }
  return false;
}

Result<BodyColumns::Bodies> BodyColumns::PutTogether() const {
  // One cursor a hole, at the next line of its template.
  struct Cursor {
    std::string buffer;
    std::string_view left;
  };
  struct Next {
    std::vector<Cursor> holes;  // in the order of the words
    size_t line = 0;
  };
  std::vector<Next> nexts(forms_.size());
  size_t total = 0;
  for (size_t number = 0; number < forms_.size(); ++number) {
    nexts[number].holes.resize(forms_[number].holes.size());
    for (size_t hole = 0; hole < forms_[number].holes.size(); ++hole) {
      Cursor& cursor = nexts[number].holes[hole];
      cursor.left = forms_[number].holes[hole].Text(cursor.buffer);
      total += cursor.left.size();
      if (total > kMostText) return Malformed("more than 64 MiB");
    }
  }
  Bodies out;
  out.ends.reserve(template_of_.size());
  for (const uint32_t number : template_of_) {
    const Form& form = forms_[number];
    Next& next = nexts[number];
    Cursor* cursor = next.holes.data();
    out.text += form.form.gaps.front();
    for (size_t i = 0; i < form.form.words.size(); ++i) {
      if (form.form.words[i]) {
        out.text += *form.form.words[i];
      } else {
        const size_t end = cursor->left.find('\n');
        if (end == std::string_view::npos) return Malformed("values are missing");
        out.text += cursor->left.substr(0, end);
        cursor->left.remove_prefix(end + 1);
        ++cursor;
      }
      out.text += form.form.gaps[i + 1];
    }
    if (form.form.tail) out.text += form.tails[next.line];
    next.line += 1;
    if (out.text.size() > kMostText) return Malformed("more than 64 MiB");
    out.ends.push_back(static_cast<uint32_t>(out.text.size()));
  }
  return out;
}

}  // namespace collector::storage
