#include "agent/host/mountinfo.h"

#include "shared/text/cursor.h"

namespace agent::host {
namespace {

using shared::ErrorCode;
using shared::Fail;
using shared::text::FieldCursor;
using shared::text::LineCursor;

bool IsOctal(char c) {
  return c >= '0' && c <= '7';
}

// "/a\040b" -> "/a b". A backslash without three octal digits stands for itself.
std::string Unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && IsOctal(text[i + 1]) && IsOctal(text[i + 2]) &&
        IsOctal(text[i + 3])) {
      const int code = (text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0');
      out.push_back(static_cast<char>(code));
      i += 3;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

bool IsReadOnly(std::string_view options) {
  return options == "ro" || options.starts_with("ro,");
}

}  // namespace

shared::Result<std::vector<Mount>> ParseMountinfo(std::string_view text) {
  std::vector<Mount> out;
  for (LineCursor lines(text); lines.Next();) {
    FieldCursor fields(lines.line());
    Mount& mount = out.emplace_back();
    fields.Skip(2);
    mount.device_number = fields.Take();
    mount.root = Unescape(fields.Take());
    mount.mountpoint = Unescape(fields.Take());
    const std::string_view options = fields.Take();
    for (std::string_view field = fields.Take(); field != "-"; field = fields.Take()) {
      if (field.empty()) {
        return Fail(ErrorCode::kMalformed, "line {}: no '-' after the optional fields",
                    lines.number());
      }
    }
    mount.type = fields.Take();
    mount.source = Unescape(fields.Take());
    const std::string_view super_options = fields.Take();
    if (mount.type.empty() || mount.source.empty()) {
      return Fail(ErrorCode::kMalformed, "line {}: no type or source", lines.number());
    }
    mount.read_only = IsReadOnly(options) || IsReadOnly(super_options);
  }
  return out;
}

}  // namespace agent::host
