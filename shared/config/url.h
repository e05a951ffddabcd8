#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shared/base/result.h"

namespace shared::config {

// The parts of "https://user:password@host:8480/path".
struct Url {
  std::string scheme;    // in lower case
  std::string userinfo;  // "user:password"; "" when absent
  std::string host;      // "[::1]" with its brackets
  uint16_t port = 0;     // 0: not given
  std::string path;      // "/path"; "" when absent
};

// kInvalidInput says what is wrong, without the text itself (it may hold a password).
Result<Url> ParseUrl(std::string_view text);

// An address to listen on: "127.0.0.1:8480", "[::1]:8480", "0.0.0.0:8480".
struct ListenAddress {
  std::string address;  // an IP address, without brackets
  uint16_t port = 0;    // 0: any free port
  friend bool operator==(const ListenAddress&, const ListenAddress&) = default;
};
Result<ListenAddress> ParseListenAddress(std::string_view text);
// "" for an empty address.
std::string FormatListenAddress(const ListenAddress& address);
// Whether only this machine can reach it: 127.0.0.0/8 or ::1.
bool IsLoopback(const ListenAddress& address);

}  // namespace shared::config
