#include "shared/text/prometheus.h"

#include "shared/text/utf8.h"

namespace shared::text {

void AppendLabelValue(std::string_view text, std::string& out) {
  out.push_back('"');
  for (const char character : CleanUtf8(text)) {
    if (character == '\n') {
      out += "\\n";
      continue;
    }
    if (character == '"' || character == '\\') out.push_back('\\');
    out.push_back(character);
  }
  out.push_back('"');
}

}  // namespace shared::text
