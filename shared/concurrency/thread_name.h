#pragma once

namespace shared {

// Names the calling thread for top, gdb and /proc/<pid>/task/*/comm; at most 15 characters.
void SetThreadName(const char* name);

}  // namespace shared
