#pragma once

#include <string>
#include <string_view>

#include "shared/base/result.h"

namespace agent::identity {

// The agent's 16-byte id (a random UUID, RFC 9562), made at the first start and kept in
// <state_dir>/agent-id, one line of the id and the host's machine-id:
//   2f1c7a04-9a3e-4f0b-8f4b-6a1d6f1f1c52 8d969eef6ecad3c29a3a629280e686cf
// A cloned machine has another machine-id and gets an id of its own. A host without machine-id (""
// here, "-" in the file) keeps what it has. A damaged file is put aside as agent-id.damaged and a
// new id made: the agent must start. Both are logged as WARN. Fails when the file can neither be
// read nor written.
shared::Result<std::string> LoadOrCreateAgentId(const std::string& state_dir,
                                                std::string_view machine_id);

}  // namespace agent::identity
