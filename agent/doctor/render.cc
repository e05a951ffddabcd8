#include "agent/doctor/render.h"

#include <fmt/format.h>

#include "shared/text/cursor.h"
#include "shared/text/json.h"
#include "shared/wire/names.h"

namespace agent::doctor {
namespace {

using pgvigil::v1::Capability;
using shared::text::AppendJsonString;
using shared::wire::StateName;

std::string_view ColourOf(Capability::State state) {
  switch (state) {
    case Capability::STATE_OK:
      return "\033[32m";  // green
    case Capability::STATE_DEGRADED:
      return "\033[33m";  // yellow
    case Capability::STATE_FAILED:
      return "\033[31m";  // red
    default:
      return "";
  }
}

// A server's message may hold anything; a terminal must not obey it.
std::string Printable(std::string_view line) {
  std::string out(line);
  for (char& character : out) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte < 0x20 || byte == 0x7f) character = '?';
  }
  return out;
}

void AppendIndented(std::string_view label, std::string_view text, std::string& out) {
  for (shared::text::LineCursor lines(text); lines.Next();) {
    out += fmt::format("            {}{}\n", label, Printable(lines.line()));
    label = "";
  }
}

void AppendField(std::string_view name, std::string_view value, std::string& out) {
  AppendJsonString(name, out);
  out += ':';
  AppendJsonString(value, out);
}

}  // namespace

std::string RenderText(std::span<const Capability> capabilities, bool coloured) {
  std::string out;
  for (const Capability& one : capabilities) {
    const std::string_view colour = coloured ? ColourOf(one.state()) : "";
    out += fmt::format("{}{:<8}{}  {}\n", colour, StateName(one.state()),
                       colour.empty() ? "" : "\033[0m", one.name());
    AppendIndented("", one.detail(), out);
    AppendIndented("remedy: ", one.remedy(), out);
  }
  return out;
}

std::string RenderJson(std::span<const Capability> capabilities) {
  std::string out = "{\"capabilities\":[";
  for (const Capability& one : capabilities) {
    if (out.back() != '[') out += ',';
    out += '{';
    AppendField("name", one.name(), out);
    out += ',';
    AppendField("state", StateName(one.state()), out);
    out += ',';
    AppendField("detail", one.detail(), out);
    out += ',';
    AppendField("remedy", one.remedy(), out);
    out += '}';
  }
  return out + "]}\n";
}

}  // namespace agent::doctor
