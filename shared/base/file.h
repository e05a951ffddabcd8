#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "shared/base/result.h"

namespace shared {

// Reads a whole file, at most `limit` bytes. kResourceExhausted when it is larger; else as
// ErrnoError says, "open /etc/x: No such file or directory".
Result<std::string> ReadFile(const std::string& path, size_t limit = size_t{64} << 20);

// Replaces a file so that a crash leaves the old content or the new, never a mixture: writes a
// temporary beside it, <path>.tmp, with exactly `mode`, fsyncs, renames, fsyncs the directory. One
// writer of a path at a time.
Result<void> WriteFileDurably(const std::string& path, std::string_view content,
                              unsigned mode = 0600);

// mkdir -p; existing directories are left as they are.
Result<void> MakeDirectories(const std::string& path, unsigned mode = 0700);

}  // namespace shared
