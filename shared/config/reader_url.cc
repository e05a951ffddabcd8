#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "shared/config/phrases.h"
#include "shared/config/reader.h"

// Reader's URLs and addresses to listen on.
namespace shared::config {
namespace {

// Hosts that stand in examples: RFC 2606 and RFC 6761, and what people write for "fill me in".
bool IsPlaceholder(std::string_view host) {
  constexpr std::array<std::string_view, 6> kEndings = {"example.com", "example.org", "example.net",
                                                        ".example",    ".invalid",    ".test"};
  std::string lower(host);
  for (char& byte : lower) {
    if (byte >= 'A' && byte <= 'Z') byte = static_cast<char>(byte - 'A' + 'a');
  }
  if (lower == "changeme" || lower == "change_me" || lower == "change-me") return true;
  return std::any_of(kEndings.begin(), kEndings.end(), [&](std::string_view ending) {
    if (!lower.ends_with(ending)) return false;
    const size_t rest = lower.size() - ending.size();
    return ending.starts_with('.') || rest == 0 || lower[rest - 1] == '.';
  });
}

std::string MaskUser(const std::string& url) {
  const size_t start = url.find("://");
  const size_t at = url.rfind('@');
  if (start == std::string::npos || at == std::string::npos || at < start) return url;
  return url.substr(0, start + 3) + "***" + url.substr(at);
}

}  // namespace

void Reader::HttpUrl(std::string_view key, std::string& out, const UrlRule& rule) {
  const Node* node = Take(key);
  const std::string example = fmt::format("\"{}://host:port\"", rule.schemes.front());
  if (node == nullptr) {
    if (rule.required && loading_.complete()) {
      AddProblem(key, "required, but not set",
                 path_.empty() ? fmt::format("add {} = {}", key, example)
                               : fmt::format("add to [{}]: {} = {}", path_, key, example));
    }
    return Record(key, nullptr, QuoteToml(out));
  }
  if (node->kind != Node::Kind::kString) return Mismatch(*node, "a URL", example);
  Text text = ExpandNode(*node, false);
  if (!text.ok) return;
  if (text.value.empty() && !rule.required) {
    out.clear();
    return Record(key, node, "\"\"", text.origins);
  }
  const Result<Url> url = ParseUrl(text.value);
  const std::string fix = fmt::format("write {} = {}", key, example);
  if (!url) return AddProblem(key, fmt::format("not a URL: {}", url.error().message), fix);
  if (std::find(rule.schemes.begin(), rule.schemes.end(), url->scheme) == rule.schemes.end()) {
    return AddProblem(key,
                      fmt::format("the scheme must be {}, found {}", QuotedList(rule.schemes),
                                  QuoteToml(url->scheme)),
                      fix);
  }
  if (!url->userinfo.empty() && !rule.allow_user) {
    return AddProblem(key, "must not hold a user or password", "remove what stands before the @");
  }
  if (rule.refuse_placeholder && IsPlaceholder(url->host)) {
    return AddProblem(key, fmt::format("{} is the example's placeholder", url->host),
                      "put the address of your collector here");
  }
  out = std::move(text.value);
  while (out.ends_with('/')) out.pop_back();
  Record(key, node, text.hidden ? "\"***\"" : QuoteToml(MaskUser(out)), text.origins);
}

void Reader::Listen(std::string_view key, ListenAddress& out, bool loopback_only) {
  const Node* node = Take(key);
  if (node == nullptr) return Record(key, nullptr, QuoteToml(FormatListenAddress(out)));
  constexpr std::string_view kExample = "\"127.0.0.1:9187\"";
  if (node->kind != Node::Kind::kString) return Mismatch(*node, "an address and port", kExample);
  const Text text = ExpandNode(*node, false);
  if (!text.ok) return;
  if (text.value.empty() && out.address.empty()) {
    return Record(key, node, "\"\"",
                  text.origins);  // "": listen nowhere, where that is the default
  }
  const Result<ListenAddress> address = ParseListenAddress(text.value);
  if (!address) {
    return AddProblem(
        key,
        fmt::format("{} is not an address and port: {}", text.Shown(), address.error().message),
        fmt::format("write an IP address and a port: {}", kExample));
  }
  if (loopback_only && !IsLoopback(*address)) {
    return AddProblem(
        key,
        fmt::format("{} can be reached from other machines; only a loopback address is "
                    "allowed",
                    address->address),
        "write 127.0.0.1 or [::1]");
  }
  out = *address;
  Record(key, node, QuoteToml(FormatListenAddress(out)), text.origins);
}

}  // namespace shared::config
