#include "collector/access/network.h"

#include <arpa/inet.h>

#include <algorithm>

#include "shared/text/cursor.h"

namespace collector::access {
namespace {

using shared::ErrorCode;
using shared::Fail;
using shared::Result;

constexpr uint8_t kIpv4Bits = 96;  // of ::ffff:0:0, before the four bytes
constexpr size_t kLongestAddress = INET6_ADDRSTRLEN;

bool IsIpv4(const Address& address) {
  return std::all_of(address.begin(), address.begin() + 10, [](uint8_t b) { return b == 0; }) &&
         address[10] == 0xff && address[11] == 0xff;
}

// The bits of byte `index` that a prefix of `prefix` bits covers.
uint8_t MaskOf(size_t index, uint8_t prefix) {
  const size_t begin = index * 8;
  if (prefix >= begin + 8) return 0xff;
  if (prefix <= begin) return 0;
  return static_cast<uint8_t>(0xff << (begin + 8 - prefix));
}

}  // namespace

std::optional<Address> ParseAddress(std::string_view text) {
  if (text.find(':') != std::string_view::npos) text = text.substr(0, text.find('%'));
  if (text.size() >= kLongestAddress || text.find('\0') != std::string_view::npos) {
    return std::nullopt;
  }
  const std::string terminated(text);
  Address out{};
  if (inet_pton(AF_INET6, terminated.c_str(), out.data()) == 1) return out;
  out = {};
  if (inet_pton(AF_INET, terminated.c_str(), out.data() + 12) != 1) return std::nullopt;
  out[10] = 0xff;
  out[11] = 0xff;
  return out;
}

bool IsLoopback(const Address& address) {
  if (IsIpv4(address)) return address[12] == 127;
  Address one{};
  one[15] = 1;
  return address == one;
}

bool Network::Contains(const Address& one) const {
  for (size_t i = 0; i < address.size(); ++i) {
    if (((one[i] ^ address[i]) & MaskOf(i, prefix)) != 0) return false;
  }
  return true;
}

Result<Network> ParseNetwork(std::string_view text) {
  const size_t slash = text.find('/');
  const std::optional<Address> address = ParseAddress(text.substr(0, slash));
  if (!address || text.find('%') != std::string_view::npos) {
    return Fail(ErrorCode::kInvalidInput, "'{}': expected an address or a block like 10.0.0.0/8",
                text);
  }
  Network out{*address, 128};
  if (slash == std::string_view::npos) return out;
  const bool ipv4 = text.find(':') == std::string_view::npos;
  const int most = ipv4 ? 32 : 128;
  const std::optional<uint8_t> prefix = shared::text::ParseNumber<uint8_t>(text.substr(slash + 1));
  if (!prefix || *prefix > most) {
    return Fail(ErrorCode::kInvalidInput, "'{}': the prefix must be a number from 0 to {}", text,
                most);
  }
  out.prefix = static_cast<uint8_t>(*prefix + (ipv4 ? kIpv4Bits : 0));
  for (size_t i = 0; i < out.address.size(); ++i) out.address[i] &= MaskOf(i, out.prefix);
  if (out.address != *address) {
    return Fail(ErrorCode::kInvalidInput, "'{}': bits right of the prefix are set; the block is {}",
                text, FormatNetwork(out));
  }
  return out;
}

Result<std::vector<Network>> ParseNetworks(std::string_view text) {
  std::vector<Network> out;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    std::string_view one = text.substr(0, comma);
    while (one.starts_with(' ')) one.remove_prefix(1);
    while (one.ends_with(' ')) one.remove_suffix(1);
    ASSIGN_OR_RETURN(out.emplace_back(), ParseNetwork(one));
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
    if (text.empty()) return Fail(ErrorCode::kInvalidInput, "a block is missing after the comma");
  }
  return out;
}

std::string FormatNetwork(const Network& network) {
  char text[kLongestAddress] = {};
  if (IsIpv4(network.address) && network.prefix >= kIpv4Bits) {
    inet_ntop(AF_INET, network.address.data() + 12, text, sizeof text);
    return fmt::format("{}/{}", text, network.prefix - kIpv4Bits);
  }
  inet_ntop(AF_INET6, network.address.data(), text, sizeof text);
  return fmt::format("{}/{}", text, network.prefix);
}

std::string FormatNetworks(const std::vector<Network>& networks) {
  std::string out;
  for (const Network& network : networks) {
    if (!out.empty()) out += ',';
    out += FormatNetwork(network);
  }
  return out;
}

}  // namespace collector::access
