#include "agent/logs/tail_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace agent::logs {

using shared::FailErrno;
using shared::Result;

Result<TailFile> TailFile::Open(const std::string& path, size_t max_line_bytes) {
  TailFile out;
  out.path_ = path;
  out.max_line_bytes_ = max_line_bytes;
  // O_NONBLOCK: opening a fifo that somebody put there must not hang the thread.
  out.fd_.Reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!out.fd_.valid()) return FailErrno(errno, fmt::format("open {}", path));
  RETURN_IF_ERROR(ReadFileStatus(out.fd_.get(), path));
  return out;
}

Result<TailFile> TailFile::Reopen() const {
  TailFile out;
  out.path_ = path_;
  out.max_line_bytes_ = max_line_bytes_;
  out.fd_.Reset(::fcntl(fd_.get(), F_DUPFD_CLOEXEC, 0));
  if (!out.fd_.valid()) return FailErrno(errno, fmt::format("duplicate {}", path_));
  return out;
}

Result<void> TailFile::Seek(uint64_t offset) {
  tail_length_ = static_cast<size_t>(std::min<uint64_t>(offset, kTailBytes));
  const ssize_t got =
      ::pread(fd_.get(), tail_.data(), tail_length_, static_cast<off_t>(offset - tail_length_));
  if (got < 0) return FailErrno(errno, fmt::format("read {}", path_));
  if (static_cast<size_t>(got) != tail_length_) {
    return Fail(shared::ErrorCode::kMalformed, "{}: shorter than {} bytes", path_, offset);
  }
  read_offset_ = offset;
  line_offset_ = offset;
  return {};
}

Result<TailFile::Outcome> TailFile::Read(size_t budget) {
  if (!unread_.empty()) return Outcome::kRead;
  buffer_.resize(kTailBytes + budget);
  ssize_t got = 0;
  do {
    got = ::pread(fd_.get(), buffer_.data(), tail_length_ + budget,
                  static_cast<off_t>(read_offset_ - tail_length_));
  } while (got < 0 && errno == EINTR);
  if (got < 0) return FailErrno(errno, fmt::format("read {}", path_));
  const size_t size = static_cast<size_t>(got);
  if (size < tail_length_ || std::memcmp(buffer_.data(), tail_.data(), tail_length_) != 0) {
    return Outcome::kTruncated;
  }
  if (size == tail_length_) return Outcome::kAtEnd;
  unread_ = std::string_view(buffer_.data() + tail_length_, size - tail_length_);
  read_offset_ += unread_.size();
  const size_t keep = std::min(size, kTailBytes);
  std::memcpy(tail_.data(), buffer_.data() + size - keep, keep);
  tail_length_ = keep;
  return Outcome::kRead;
}

void TailFile::ForgetHeld() {
  if (!held_taken_) return;
  held_taken_ = false;
  held_.clear();
  if (held_.capacity() > size_t{64} * 1024) held_.shrink_to_fit();
}

void TailFile::Hold(std::string_view bytes) {
  const size_t room = max_line_bytes_ - std::min(max_line_bytes_, held_.size());
  held_ += bytes.substr(0, room);
  held_length_ += bytes.size();
}

// Makes a line of what is held and `bytes`, which end it. `length` counts the line's bytes in the
// file.
void TailFile::HandOut(std::string_view bytes, uint64_t length, bool ended, Line& line) {
  line.offset = line_offset_;
  line.length = length;
  line.text = bytes;
  const uint64_t text_length = length - (ended ? 1 : 0);
  line.cut = text_length > max_line_bytes_;
  if (line.cut) {
    line.text = line.text.substr(0, max_line_bytes_);
    cut_bytes_ += text_length - max_line_bytes_;
  } else if (ended && !line.text.empty() && line.text.back() == '\r') {
    line.text.remove_suffix(1);
  }
  line_offset_ += length;
}

bool TailFile::NextLine(Line& line) {
  ForgetHeld();
  if (unread_.empty()) return false;
  size_t end = unread_.find('\n');
  bool ended = end != std::string_view::npos;
  const uint64_t start = line_offset_ + held_length_;  // of unread_ in the file
  if (cut_ > start && cut_ - start <= unread_.size() && (!ended || cut_ - start <= end)) {
    end = static_cast<size_t>(cut_ - start);
    ended = false;
  } else if (!ended) {
    Hold(unread_);
    unread_ = {};
    return false;
  }
  const std::string_view part = unread_.substr(0, end);
  unread_.remove_prefix(end + (ended ? 1 : 0));
  const uint64_t length = held_length_ + part.size() + (ended ? 1 : 0);
  if (held_length_ == 0) {
    HandOut(part, length, ended, line);
    return true;
  }
  Hold(part);
  HandOut(held_, length, ended, line);
  held_length_ = 0;
  held_taken_ = true;
  return true;
}

bool TailFile::TakePartial(Line& line) {
  ForgetHeld();
  if (!unread_.empty() || held_length_ == 0) return false;
  HandOut(held_, held_length_, false, line);
  held_length_ = 0;
  held_taken_ = true;
  return true;
}

}  // namespace agent::logs
