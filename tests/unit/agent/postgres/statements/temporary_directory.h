#pragma once

#include <unistd.h>

#include <filesystem>
#include <string>

namespace agent::postgres::statements {

// A directory that goes with the object; in memory where the system has /dev/shm, for the tests
// that write baselines by the ten thousand.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    path_ = std::filesystem::exists("/dev/shm") ? "/dev/shm/pgvigil-XXXXXX" : "/tmp/pgvigil-XXXXXX";
    if (::mkdtemp(path_.data()) == nullptr) path_.clear();
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace agent::postgres::statements
