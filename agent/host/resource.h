#pragma once

#include <string>
#include <string_view>

#include "pgvigil/v1/resource.pb.h"

namespace agent::host {

struct ResourceOptions {
  std::string proc_root = "/proc";
  std::string etc_root = "/etc";
};

// Pure. PRETTY_NAME of os-release(5), "Debian GNU/Linux 12 (bookworm)"; NAME and VERSION when there
// is none; "" when there is nothing.
std::string ParseOsRelease(std::string_view text);

// host.arch as OpenTelemetry spells it, from what uname(2) calls the machine: "x86_64" -> "amd64",
// "aarch64" -> "arm64"; other names as they are.
std::string_view ArchitectureName(std::string_view machine);

// What is known of the host, each attribute only when it can be read:
//   host.arch "amd64" · host.id (etc_root/machine-id) · host.name (sys/kernel/hostname)
//   os.description (etc_root/os-release) · os.kernel.release (sys/kernel/osrelease) · os.type
//   "linux"
pgvigil::v1::Resource ReadHostResource(const ResourceOptions& options);

}  // namespace agent::host
