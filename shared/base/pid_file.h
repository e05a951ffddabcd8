#pragma once

#include <string>

#include "shared/base/result.h"

namespace shared {

// A file with this process' number and a line break, for scripts; removed at the end. It is no
// lock.
class PidFile {
 public:
  // `path` "": none is written.
  static Result<PidFile> Write(std::string path);
  ~PidFile();
  PidFile(PidFile&& other) noexcept;
  PidFile& operator=(PidFile&&) = delete;

 private:
  explicit PidFile(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace shared
