#pragma once

#include "agent/logs/watch_set.h"

namespace agent::logs {

// The file of a log that is being written: `current` when it is known, else the newest of the
// directory. kNotFound: "no log file in /var/lib/postgresql/15/main/log"; else as ErrnoError says.
shared::Result<FoundFile> FindCurrentFile(const LogLocation& location);

}  // namespace agent::logs
