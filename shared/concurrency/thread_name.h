#pragma once

namespace shared {

// Names the calling thread for top, gdb and /proc/<pid>/task/*/comm; cut to 15
// bytes.
void SetThreadName(const char* name);

}  // namespace shared
