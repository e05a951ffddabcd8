#include "shared/postgres/connection.h"

namespace shared::postgres {
namespace {

void AppendDoubled(std::string_view text, std::string_view doubled, std::string& out) {
  for (const char c : text) {
    if (doubled.find(c) != std::string_view::npos) out += c;
    out += c;
  }
}

}  // namespace

std::string QuoteIdentifier(std::string_view name) {
  std::string out = "\"";
  AppendDoubled(name, "\"", out);
  out += '"';
  return out;
}

std::string QuoteLiteral(std::string_view text) {
  // E'' means the same whatever standard_conforming_strings says.
  const bool backslash = text.find('\\') != std::string_view::npos;
  std::string out = backslash ? "E'" : "'";
  AppendDoubled(text, "'\\", out);
  out += '\'';
  return out;
}

}  // namespace shared::postgres
