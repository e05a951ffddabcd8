#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/host/proc_file.h"
#include "agent/pipeline/frame.h"
#include "shared/base/result.h"

namespace agent::host {

// Pure. Bytes of a page from the name of a directory below /sys/kernel/mm/hugepages (kernel
// Documentation/admin-guide/mm/hugetlbpage.rst): "hugepages-2048kB" -> 2097152. kMalformed: not
// such a name.
shared::Result<uint64_t> ParseHugepageSize(std::string_view directory);

// Pure. The number in nr_hugepages and its siblings: "0\n". kMalformed: not one number.
shared::Result<uint64_t> ParseHugepageCount(std::string_view text);

// Huge pages of every size that the machine knows. (/proc/meminfo has those of the default size
// only, while PostgreSQL takes the size that huge_page_size says.) One thread.
class Hugepages {
 public:
  // Looks for the sizes once: they are fixed at boot. Without the directory there are none.
  explicit Hugepages(const std::string& sys_root);

  // system.linux.hugepages.{limit,free,reserved,surplus} by system.linux.hugepages.page_size, in
  // bytes. A file that cannot be read leaves out its series; the first error is returned.
  shared::Result<void> Collect(pipeline::FrameBuilder& frame);

 private:
  struct Size {
    std::string bytes;
    std::vector<ProcFile> files;  // in the order of the metrics
  };
  std::vector<Size> sizes_;
};

}  // namespace agent::host
