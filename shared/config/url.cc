#include "shared/config/url.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "shared/text/cursor.h"

namespace shared::config {
namespace {

// "host", "host:80", "[::1]:80" into host and port text; nullopt: a bracket without its partner.
struct HostPort {
  std::string_view host;
  std::optional<std::string_view> port;
};
std::optional<HostPort> SplitHostPort(std::string_view text) {
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view rest = text.substr(end + 1);
    if (rest.empty()) return HostPort{text, std::nullopt};
    if (!rest.starts_with(':')) return std::nullopt;
    return HostPort{text.substr(0, end + 1), rest.substr(1)};
  }
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return HostPort{text, std::nullopt};
  return HostPort{text.substr(0, colon), text.substr(colon + 1)};
}

bool IsIpAddress(const std::string& text) {
  in6_addr buffer;
  return ::inet_pton(AF_INET, text.c_str(), &buffer) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), &buffer) == 1;
}

bool IsHost(std::string_view host) {
  if (host.starts_with('[')) {
    return IsIpAddress(std::string(host.substr(1, host.size() - 2)));
  }
  return !host.empty() && std::all_of(host.begin(), host.end(), [](char byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '.' || byte == '-' || byte == '_';
  });
}

}  // namespace

Result<Url> ParseUrl(std::string_view text) {
  Url out;
  const size_t scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos || scheme_end == 0) {
    return Fail(ErrorCode::kInvalidInput, "it does not begin with a scheme such as https://");
  }
  for (const char byte : text) {
    if (static_cast<unsigned char>(byte) <= 0x20 || byte == 0x7f) {
      return Fail(ErrorCode::kInvalidInput, "there is white space in it");
    }
  }
  for (const char byte : text.substr(0, scheme_end)) {
    out.scheme.push_back(byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte - 'A' + 'a') : byte);
  }
  text.remove_prefix(scheme_end + 3);
  const size_t path_start = std::min(text.find_first_of("/?#"), text.size());
  std::string_view authority = text.substr(0, path_start);
  out.path = text.substr(path_start);
  if (out.path.find_first_of("?#") != std::string::npos) {
    return Fail(ErrorCode::kInvalidInput, "it has a '?' or '#' part");
  }
  if (const size_t at = authority.rfind('@'); at != std::string_view::npos) {
    out.userinfo = authority.substr(0, at);
    authority.remove_prefix(at + 1);
  }
  const std::optional<HostPort> split = SplitHostPort(authority);
  if (!split || !IsHost(split->host)) {
    return Fail(ErrorCode::kInvalidInput, "it names no valid host");
  }
  out.host = split->host;
  if (split->port) {
    const std::optional<uint16_t> port = text::ParseNumber<uint16_t>(*split->port);
    if (!port || *port == 0) {
      return Fail(ErrorCode::kInvalidInput, "its port is not a number from 1 to 65535");
    }
    out.port = *port;
  }
  return out;
}

Result<ListenAddress> ParseListenAddress(std::string_view text) {
  const std::optional<HostPort> split = SplitHostPort(text);
  if (!split || !split->port) return Fail(ErrorCode::kInvalidInput, "the port is missing");
  ListenAddress out;
  out.address = split->host;
  if (out.address.starts_with('[')) out.address = out.address.substr(1, out.address.size() - 2);
  if (!IsIpAddress(out.address)) {
    return Fail(ErrorCode::kInvalidInput, "what stands before the port is not an IP address");
  }
  const std::optional<uint16_t> port = text::ParseNumber<uint16_t>(*split->port);
  if (!port) return Fail(ErrorCode::kInvalidInput, "the port is not a number from 0 to 65535");
  out.port = *port;
  return out;
}

std::string FormatListenAddress(const ListenAddress& address) {
  if (address.address.empty()) return "";
  const bool six = address.address.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", six ? "[" : "", address.address, six ? "]" : "", address.port);
}

bool IsLoopback(const ListenAddress& address) {
  return address.address.starts_with("127.") || address.address == "::1";
}

}  // namespace shared::config
