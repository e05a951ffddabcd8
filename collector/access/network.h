#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"

// Addresses and blocks of addresses (RFC 4632, RFC 4291), IPv4 and IPv6. Pure.
namespace collector::access {

// 16 bytes in network order; IPv4 is ::ffff:a.b.c.d, so that a dual-stack socket's peers match the
// blocks that people write.
using Address = std::array<uint8_t, 16>;

// "10.1.2.3", "2001:db8::1", "fe80::1%eth0" (the zone is dropped). nullopt: anything else.
std::optional<Address> ParseAddress(std::string_view text);

// 127.0.0.0/8 and ::1.
bool IsLoopback(const Address& address);

struct Network {
  Address address{};
  uint8_t prefix = 128;  // bits of `address` that count; of IPv4: 96 more than people write
  [[nodiscard]] bool Contains(const Address& one) const;
  friend bool operator==(const Network&, const Network&) = default;
};

// "10.0.0.0/8", "2001:db8::/32"; an address alone is a block of one. As PostgreSQL's cidr: bits
// right of the prefix must be 0. kInvalidInput: "'10.0.0.1/8': bits right of the prefix are set;
// the block is 10.0.0.0/8".
shared::Result<Network> ParseNetwork(std::string_view text);
// Several, separated by commas; "" is none.
shared::Result<std::vector<Network>> ParseNetworks(std::string_view text);

// As ParseNetwork reads it, always with its prefix: "10.0.0.0/8", "::1/128".
std::string FormatNetwork(const Network& network);
std::string FormatNetworks(const std::vector<Network>& networks);

}  // namespace collector::access
