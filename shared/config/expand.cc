#include "shared/config/expand.h"

#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <optional>

#include "shared/base/file.h"

namespace shared::config {
namespace {

constexpr size_t kFileLimit = 64 << 10;

std::optional<std::string_view> Lookup(const Environment& environment, std::string_view name) {
  const auto found = environment.find(name);
  if (found == environment.end()) return std::nullopt;
  return found->second;
}

bool IsBelow(const std::string& path, std::string_view directory) {
  const std::string clean = std::filesystem::path(path).lexically_normal().string();
  std::string root = std::filesystem::path(directory).lexically_normal().string();
  if (!root.ends_with('/')) root.push_back('/');
  return clean.starts_with(root);
}

Result<std::string> ReadValueFile(const std::string& path) {
  ASSIGN_OR_RETURN(std::string content, ReadFile(path, kFileLimit));
  if (content.ends_with('\n')) content.pop_back();
  if (content.ends_with('\r')) content.pop_back();
  return content;
}

Result<void> CheckRegular(const std::string& path, struct stat& status) {
  if (!path.starts_with('/')) {
    return Fail(ErrorCode::kInvalidInput, "the path '{}' must begin with /", path);
  }
  if (::stat(path.c_str(), &status) != 0) return FailErrno(errno, "open " + path);
  if (!S_ISREG(status.st_mode)) {
    return Fail(ErrorCode::kInvalidInput, "{} is not a regular file", path);
  }
  return {};
}

Result<std::string> ReadCredential(std::string_view name, const Environment& environment) {
  const std::optional<std::string_view> directory = Lookup(environment, "CREDENTIALS_DIRECTORY");
  if (!directory || directory->empty()) {
    return Fail(
        ErrorCode::kNotFound,
        "credential {} is not there: CREDENTIALS_DIRECTORY is not set (systemd sets it for a "
        "unit with LoadCredential=)",
        name);
  }
  if (name.empty() || name.find('/') != std::string_view::npos) {
    return Fail(ErrorCode::kInvalidInput, "'{}' is not the name of a credential", name);
  }
  const std::string path = fmt::format("{}/{}", *directory, name);
  struct stat status {};
  RETURN_IF_ERROR(CheckRegular(path, status));
  return ReadValueFile(path);
}

Result<void> AppendVariable(std::string_view argument, const Environment& environment,
                            Expanded& out) {
  const size_t dash = argument.find(":-");
  const std::string_view name = argument.substr(0, dash);
  if (name.empty()) return Fail(ErrorCode::kInvalidInput, "${{env:}} names no variable");
  const std::optional<std::string_view> value = Lookup(environment, name);
  if (dash != std::string_view::npos && (!value || value->empty())) {
    out.value += argument.substr(dash + 2);
    out.origins.push_back(fmt::format("default, as env {} is unset", name));
    return {};
  }
  if (!value) return Fail(ErrorCode::kNotFound, "environment variable {} is not set", name);
  out.value += *value;
  out.origins.push_back(fmt::format("env {}", name));
  return {};
}

// `reference` is what stands between ${ and }.
Result<void> AppendReference(std::string_view reference, const Environment& environment,
                             bool for_secret, Expanded& out) {
  const size_t colon = reference.find(':');
  const std::string_view kind = reference.substr(0, colon);
  const std::string_view argument =
      colon == std::string_view::npos ? std::string_view() : reference.substr(colon + 1);
  if (kind == "env" && colon != std::string_view::npos) {
    return AppendVariable(argument, environment, out);
  }
  if (kind == "file" && colon != std::string_view::npos) {
    const std::string path(argument);
    struct stat status {};
    RETURN_IF_ERROR(CheckRegular(path, status));
    ASSIGN_OR_RETURN(const std::string content,
                     for_secret ? ReadSecretFile(path, environment) : ReadValueFile(path));
    out.value += content;
    out.origins.push_back(fmt::format("file {}", path));
    out.secret = true;
    return {};
  }
  if (kind == "cred" && colon != std::string_view::npos) {
    ASSIGN_OR_RETURN(const std::string content, ReadCredential(argument, environment));
    out.value += content;
    out.origins.push_back(fmt::format("cred {}", argument));
    out.secret = true;
    return {};
  }
  return Fail(ErrorCode::kInvalidInput,
              "unknown reference '${{{}}}'; known are ${{env:NAME}}, ${{env:NAME:-default}}, "
              "${{file:/path}}, ${{cred:name}}, and $$ for a dollar sign",
              reference);
}

}  // namespace

bool HasReference(std::string_view text) {
  for (size_t i = 0; i + 1 < text.size(); ++i) {
    if (text[i] != '$') continue;
    if (text[i + 1] == '{') return true;
    if (text[i + 1] == '$') i += 1;
  }
  return false;
}

Result<Expanded> Expand(std::string_view text, const Environment& environment, bool for_secret) {
  Expanded out;
  while (!text.empty()) {
    const size_t dollar = text.find('$');
    out.value += text.substr(0, dollar);
    if (dollar == std::string_view::npos) break;
    text.remove_prefix(dollar);
    if (text.starts_with("$$")) {
      out.value.push_back('$');
      text.remove_prefix(2);
    } else if (text.starts_with("${")) {
      const size_t end = text.find('}');
      if (end == std::string_view::npos) {
        return Fail(ErrorCode::kInvalidInput, "'${{' has no '}}'; write $$ for a dollar sign");
      }
      RETURN_IF_ERROR(AppendReference(text.substr(2, end - 2), environment, for_secret, out));
      text.remove_prefix(end + 1);
    } else {
      out.value.push_back('$');
      text.remove_prefix(1);
    }
  }
  return out;
}

Result<std::string> ReadSecretFile(const std::string& path, const Environment& environment) {
  struct stat status {};
  RETURN_IF_ERROR(CheckRegular(path, status));
  const std::optional<std::string_view> credentials = Lookup(environment, "CREDENTIALS_DIRECTORY");
  const bool protected_by_systemd =
      credentials && credentials->starts_with('/') && IsBelow(path, *credentials);
  if ((status.st_mode & 077) != 0 && !protected_by_systemd) {
    return Fail(ErrorCode::kPermissionDenied,
                "{} is open to group or others (mode {:04o}); run: chmod 600 {}", path,
                status.st_mode & 07777, path);
  }
  return ReadValueFile(path);
}

}  // namespace shared::config
