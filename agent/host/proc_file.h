#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"
#include "shared/base/unique_fd.h"

namespace agent::host {

// One file of /proc or /sys that is read every round. The descriptor stays open and is read with
// pread(2), which makes the kernel print the file anew: half the cost of open, read and close. It
// is opened again when a read fails (the process behind /proc/<pid>/… or the device behind a sysfs
// file went away). A file that cannot be read is tried again on every 60th call only, for an old
// kernel does not grow new files. The buffer grows to what the file needs and is kept: a read that
// succeeds, or fails as the one before, allocates nothing. One thread.
class ProcFile {
 public:
  // A seq_file(9) hands out whole records, at most a page for each read, so that a short read is
  // not the end of the file unless records are known to be small.
  enum class Records {
    kShort,  // every line is shorter than 1 KiB, or the file is one record: one read mostly
    kLong,   // reads until a read returns nothing
  };

  explicit ProcFile(std::string path, Records records = Records::kShort);

  // The whole file; valid until the next call. Errors: "open <path>: No such file or directory" and
  // "read <path>: …" with the code of shared::ErrnoError, but kNotFound also when the kernel
  // answers EOPNOTSUPP (pressure files with psi=0); kResourceExhausted above 16 MiB.
  const shared::Result<std::string_view>& Read();

  // For mountinfo: whether the kernel has signalled a change (POLLPRI, proc_pid_mountinfo(5)) since
  // the last call. True also when that cannot be known: before the first Read(), after an error and
  // for a file that is not on procfs.
  [[nodiscard]] bool PollChanged();

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  shared::Result<void> Open();
  shared::Result<size_t> ReadOnce();
  shared::Result<size_t> OpenAndRead();

  const std::string path_;
  const Records records_;
  shared::UniqueFd fd_;
  bool on_procfs_ = false;
  std::vector<char> buffer_;
  int calls_until_retry_ = 0;
  shared::Result<std::string_view> text_;
};

}  // namespace agent::host
