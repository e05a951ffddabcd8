#pragma once

#include <span>
#include <string>

#include "pgvigil/v1/batch.pb.h"

// How the doctor's findings are shown. Pure.
namespace agent::doctor {

// For people. `coloured`: the state in green, yellow or red, as ANSI escape sequences.
//   ok        host
//   failed    postgres:main
//               connect: 28000 role "pgvigil" does not exist
//               remedy: CREATE ROLE "pgvigil" LOGIN; GRANT pg_monitor TO "pgvigil";
// Control characters that a peer may have sent are shown as '?'.
std::string RenderText(std::span<const pgvigil::v1::Capability> capabilities, bool coloured);

// For programs, one line; state is ok, degraded, failed or off, detail and remedy may be "":
//   {"capabilities":[{"name":"host","state":"ok","detail":"","remedy":""}]}
std::string RenderJson(std::span<const pgvigil::v1::Capability> capabilities);

}  // namespace agent::doctor
