#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/logs/file_identity.h"
#include "agent/logs/record_parser.h"
#include "shared/base/result.h"
#include "shared/base/unique_fd.h"

namespace agent::logs {

// Reads one growing file in turns and cuts it into lines with their exact positions. Holds the
// descriptor: the file may be renamed or unlinked under it.
//
// Each read takes the 64 bytes before the position along with what is new. When they are not what
// they were, the file was truncated and written anew, even if it is longer than before: one system
// call a turn says both. One thread. Move-only.
class TailFile {
 public:
  // What a turn of reading found.
  enum class Outcome {
    kRead,       // bytes came; there may be more
    kAtEnd,      // nothing new
    kTruncated,  // the bytes before the position are gone or others
  };

  // `path` must be a regular file. Errors as ErrnoError says, "open /var/log/x: Permission denied".
  static shared::Result<TailFile> Open(const std::string& path, size_t max_line_bytes);
  // The same file from its beginning again, on a descriptor of its own.
  [[nodiscard]] shared::Result<TailFile> Reopen() const;

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] const std::string& path() const { return path_; }
  void set_path(std::string path) { path_ = std::move(path); }

  // Before the first read: start here, at the beginning of a record. kMalformed: the file is
  // shorter.
  shared::Result<void> Seek(uint64_t offset);
  // Ends a line here, as an earlier life of the reader did. 0: nowhere.
  void set_cut(uint64_t offset) { cut_ = offset; }

  // Reads at most `budget` bytes, when all lines of the turn before were taken.
  shared::Result<Outcome> Read(size_t budget);
  // The next whole line; false: there is none yet. `line.text` is valid until the next call of
  // Read, NextLine or TakePartial.
  bool NextLine(Line& line);
  // The beginning of a line whose end has not been written; false: there is none. What follows is
  // then handed out as a line of its own.
  bool TakePartial(Line& line);

  // First byte that was not handed out in a line.
  [[nodiscard]] uint64_t line_offset() const { return line_offset_; }
  [[nodiscard]] uint64_t read_offset() const { return read_offset_; }
  [[nodiscard]] bool has_partial() const { return held_length_ > 0; }
  // Bytes of lines beyond max_line_bytes, so far.
  [[nodiscard]] uint64_t cut_bytes() const { return cut_bytes_; }

 private:
  TailFile() = default;
  void HandOut(std::string_view bytes, uint64_t length, bool ended, Line& line);
  void Hold(std::string_view bytes);
  void ForgetHeld();

  std::string path_;
  shared::UniqueFd fd_;
  size_t max_line_bytes_ = 0;
  uint64_t read_offset_ = 0;  // first byte not read
  uint64_t line_offset_ = 0;
  uint64_t cut_ = 0;
  uint64_t cut_bytes_ = 0;
  std::array<char, kTailBytes> tail_{};  // what precedes read_offset_
  size_t tail_length_ = 0;
  std::vector<char> buffer_;
  std::string_view unread_;   // part of buffer_ not yet in a line
  std::string held_;          // beginning of a line that earlier turns read
  uint64_t held_length_ = 0;  // its bytes in the file, also those beyond the limit
  bool held_taken_ = false;   // held_ backs the view last handed out
};

}  // namespace agent::logs
