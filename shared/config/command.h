#pragma once

#include "shared/config/problems.h"
#include "shared/config/settings.h"

// What `config check` and `config show` print; the same in both programs. Documents go to standard
// output, words about them to standard error. They return the exit status: 0, or kExitConfig when
// there are problems.
namespace shared::config {

int RunConfigCheck(const Problems& problems, const char* path, bool json);
int RunConfigShow(const Problems& problems, const Settings& settings, bool json);

}  // namespace shared::config
