#pragma once

#include <cstdint>
#include <string_view>

#include "agent/pipeline/frame.h"
#include "shared/base/result.h"

namespace agent::host {

// One reading of /proc/sys/fs/file-nr (proc_sys_fs(5)): "594\t0\t2466177".
struct FileNr {
  uint64_t allocated = 0;  // open files of the whole host
  uint64_t limit = 0;      // fs.file-max; 9223372036854775807 where systemd sets it
};

// Pure. kMalformed: not three numbers.
shared::Result<FileNr> ParseFileNr(std::string_view text);

// system.linux.file_handles.usage and .limit.
void Emit(const FileNr& files, pipeline::FrameBuilder& frame);

}  // namespace agent::host
