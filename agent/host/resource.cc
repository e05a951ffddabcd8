#include "agent/host/resource.h"

#include <sys/utsname.h>

#include <utility>

#include "shared/base/file.h"
#include "shared/text/cursor.h"

namespace agent::host {
namespace {

constexpr size_t kMostBytes = 65536;

// The first line of a small file without blanks at its ends; "" when it cannot be read.
std::string ReadLine(const std::string& path) {
  const auto text = shared::ReadFile(path, kMostBytes);
  if (!text) return {};
  std::string_view line = std::string_view(*text).substr(0, text->find('\n'));
  while (line.ends_with(' ') || line.ends_with('\r')) line.remove_suffix(1);
  return std::string(line);
}

// A value of os-release: bare, or in quotes with backslashes before $ " ' \ and `.
std::string Unquote(std::string_view value) {
  const char quote = value.empty() ? '\0' : value.front();
  if (quote != '"' && quote != '\'') return std::string(value);
  std::string out;
  for (size_t i = 1; i < value.size() && value[i] != quote; ++i) {
    if (value[i] == '\\' && quote == '"' && i + 1 < value.size()) ++i;
    out.push_back(value[i]);
  }
  return out;
}

void Add(std::string_view name, std::string value, pgvigil::v1::Resource& resource) {
  if (value.empty()) return;
  pgvigil::v1::Attribute& attribute = *resource.add_attributes();
  attribute.set_name(std::string(name));
  attribute.set_value(std::move(value));
}

}  // namespace

std::string ParseOsRelease(std::string_view text) {
  std::string pretty_name;
  std::string name;
  std::string version;
  for (shared::text::LineCursor lines(text); lines.Next();) {
    const std::string_view line = lines.line();
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view key = line.substr(0, equals);
    std::string* const slot = key == "PRETTY_NAME" ? &pretty_name
                              : key == "NAME"      ? &name
                              : key == "VERSION"   ? &version
                                                   : nullptr;
    if (slot != nullptr) *slot = Unquote(line.substr(equals + 1));
  }
  if (!pretty_name.empty()) return pretty_name;
  if (name.empty() || version.empty()) return name + version;
  return name + " " + version;
}

std::string_view ArchitectureName(std::string_view machine) {
  constexpr std::pair<std::string_view, std::string_view> kNames[] = {
      {"x86_64", "amd64"}, {"aarch64", "arm64"}, {"i386", "x86"},
      {"i486", "x86"},     {"i586", "x86"},      {"i686", "x86"},
      {"armv7l", "arm32"}, {"armv6l", "arm32"},  {"ppc64le", "ppc64"}};
  for (const auto& [kernel, otel] : kNames) {
    if (machine == kernel) return otel;
  }
  return machine;
}

pgvigil::v1::Resource ReadHostResource(const ResourceOptions& options) {
  pgvigil::v1::Resource out;
  utsname names{};
  if (::uname(&names) == 0) Add("host.arch", std::string(ArchitectureName(names.machine)), out);
  Add("host.id", ReadLine(options.etc_root + "/machine-id"), out);
  Add("host.name", ReadLine(options.proc_root + "/sys/kernel/hostname"), out);
  const auto os_release = shared::ReadFile(options.etc_root + "/os-release", kMostBytes);
  if (os_release) Add("os.description", ParseOsRelease(*os_release), out);
  Add("os.kernel.release", ReadLine(options.proc_root + "/sys/kernel/osrelease"), out);
  Add("os.type", "linux", out);
  return out;
}

}  // namespace agent::host
