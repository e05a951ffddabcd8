#pragma once

#include <string>

#include "agent/logs/watch_set.h"
#include "pgvigil/v1/batch.pb.h"

namespace agent::doctor {

// Whether the log that was looked for was found and its current file can be opened for reading;
// reads nothing of it. `name`: "logs:main", "logs:syslog". OK: the detail is the file's path.
pgvigil::v1::Capability CheckLog(const std::string& name, const logs::LocateResult& found);

// The command that lets `user` read a file. Pure.
//   group_readable: "usermod -aG adm pgvigil, then restart the agent"
// Else, before that, the setting with which the writer makes readable files: to change the mode of
// the present one would help until the next rotation only.
std::string ReadRemedy(const logs::LogLocation& location, bool group_readable,
                       const std::string& group, const std::string& user);

}  // namespace agent::doctor
