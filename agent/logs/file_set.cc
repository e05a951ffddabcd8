#include "agent/logs/file_set.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <tuple>

#include "shared/log/log.h"

namespace agent::logs {
namespace {

using pgvigil::v1::STREAM_LOGS;

// A beginning shorter than this proves no kinship.
constexpr uint32_t kMinCopiedHead = 64;
constexpr size_t kMaxReplaced = 16;
constexpr size_t kMaxClosedPerSource = 256;

bool IsAfter(const FoundFile& file, const SourceEntry& horizon) {
  return std::tie(file.mtime_nanos, file.name) >
         std::tie(horizon.horizon_mtime_nanos, horizon.horizon_name);
}

}  // namespace

FileSet::FileSet(const CheckpointState& loaded, Checkpoint::Origin origin, FileSetOptions options,
                 pipeline::Drops& drops)
    : options_(options),
      drops_(drops),
      first_start_allowed_(origin != Checkpoint::Origin::kDamaged),
      sources_(loaded.sources),
      closed_(loaded.files) {}

SourceEntry& FileSet::SourceOf(const std::string& source, const std::vector<FoundFile>& files,
                               const std::string& current) {
  const auto known = std::find_if(sources_.begin(), sources_.end(),
                                  [&](const SourceEntry& each) { return each.name == source; });
  if (known != sources_.end()) return *known;
  SourceEntry& added = sources_.emplace_back();
  added.name = source;
  for (const FoundFile& file : files) {  // ascending
    if (file.path == current || !first_start_allowed_) continue;
    added.horizon_mtime_nanos = file.mtime_nanos;
    added.horizon_name = file.name;
  }
  if (first_start_allowed_) first_scan_.insert(source);
  return added;
}

FileSet::Followed* FileSet::FindOpen(const FoundFile& found) {
  for (Followed& each : followed_) {
    const FileKey& key = each.file->entry().key;
    if (key.inode == found.inode && key.device == found.device) return &each;
  }
  return nullptr;
}

shared::Result<void> FileSet::Rescan(const std::string& source, const LogLocation& location,
                                     const ParserFactory& parsers) {
  ASSIGN_OR_RETURN(const std::vector<FoundFile> files, ListFiles(location));
  const bool listed = std::any_of(files.begin(), files.end(), [&](const FoundFile& each) {
    return each.path == location.current;
  });
  const std::string current = listed          ? location.current
                              : files.empty() ? std::string()
                                              : files.back().path;
  const SourceEntry horizon = SourceOf(source, files, current);
  std::set<std::pair<uint64_t, uint64_t>> seen;
  for (const FoundFile& found : files) {
    seen.insert({found.device, found.inode});
    const bool is_current = found.path == current;
    if (Followed* open = FindOpen(found)) {
      open->file->entry().path = found.path;
      open->file->entry().mtime_nanos = found.mtime_nanos;
      open->file->file().set_path(found.path);
      const bool grew = found.size > open->file->file().read_offset();
      if (is_current || (open->file->finished() && grew)) open->file->Revive();
      if (!is_current) open->file->Retire();
      continue;
    }
    Consider(source, location, found, is_current, is_current || IsAfter(found, horizon), parsers);
  }
  first_scan_.erase(source);
  for (Followed& each : followed_) {
    const FileKey& key = each.file->entry().key;
    if (each.source == source && seen.count({key.device, key.inode}) == 0) each.file->Retire();
  }
  ForgetVanished(source, location, files);
  return {};
}

void FileSet::Consider(const std::string& source, const LogLocation& location,
                       const FoundFile& found, bool is_current, bool is_news,
                       const ParserFactory& parsers) {
  const auto unchanged = std::find_if(closed_.begin(), closed_.end(), [&](const FileEntry& each) {
    return each.done && each.key.inode == found.inode && each.key.device == found.device &&
           each.offset == found.size && each.mtime_nanos == found.mtime_nanos;
  });
  if (unchanged != closed_.end()) {
    unchanged->path = found.path;
    return;
  }
  if (followed_.size() >= options_.max_open_files && !is_current) return;
  shared::Result<TailFile> file = TailFile::Open(found.path, options_.max_record_bytes);
  if (!file) return;  // gone since the listing, or not readable: the next scan tries again
  const shared::Result<FileStatus> status = ReadFileStatus(file->fd(), found.path);
  if (!status) return;

  FileEntry entry;
  entry.source = source;
  entry.path = found.path;
  entry.key = status->key;
  entry.mtime_nanos = status->mtime_nanos;
  const auto known = FindClosed(*status, found.path);
  if (known != closed_.end()) {
    const bool same = SameContent(*known, *file, *status);
    const FileEntry before = *known;
    if (same && before.done && status->size == before.offset) {
      known->mtime_nanos = status->mtime_nanos;  // touched, nothing new
      known->path = found.path;
      return;
    }
    closed_.erase(known);
    if (same) {
      entry = before;
      entry.source = source;
      entry.path = found.path;
      entry.key = status->key;
      entry.done = false;
      Follow(source, location, std::move(entry), std::move(*file), is_current, parsers);
      return;
    }
    // The key is the old one and the content is not: truncated, or an inode used again where the
    // file system has no generations.
    entry.epoch = before.epoch + 1;
    const bool copied = std::any_of(followed_.begin(), followed_.end(), [&](const Followed& each) {
      return each.file->entry().id == before.id;
    });
    if (!before.done && !copied) drops_.Add(STREAM_LOGS, "log_gap", 1, 0);
    Remember(before);
    Follow(source, location, std::move(entry), std::move(*file), is_current, parsers);
    return;
  }
  if (!is_news) return;
  const FileEntry* original = nullptr;
  if (!is_current && FindOriginal(source, *file, *status, original)) {
    if (original == nullptr) return;
    const FileKey key = entry.key;
    entry = *original;
    entry.path = found.path;
    entry.key = key;
    entry.done = false;
    Follow(source, location, std::move(entry), std::move(*file), is_current, parsers);
    return;
  }
  if (first_scan_.count(source) > 0 && status->size > options_.first_start_limit) {
    entry.offset = FirstStartOffset(*file, status->size);
    drops_.Add(STREAM_LOGS, "first_start", 0, entry.offset);
  }
  Follow(source, location, std::move(entry), std::move(*file), is_current, parsers);
}

std::vector<FileEntry>::iterator FileSet::FindClosed(const FileStatus& status,
                                                     const std::string& path) {
  const auto by_key = std::find_if(closed_.begin(), closed_.end(),
                                   [&](const FileEntry& each) { return each.key == status.key; });
  if (by_key != closed_.end()) return by_key;
  // Device numbers may be dealt anew at boot.
  return std::find_if(closed_.begin(), closed_.end(), [&](const FileEntry& each) {
    return each.path == path && each.key.inode == status.key.inode &&
           each.key.generation == status.key.generation && status.key.generation != 0;
  });
}

bool FileSet::SameContent(const FileEntry& entry, const TailFile& file, const FileStatus& status) {
  if (entry.offset > status.size) return false;
  if (entry.head_length > 0 && HashRange(file.fd(), 0, entry.head_length) != entry.head_hash) {
    return false;
  }
  return entry.tail_length == 0 || HashRange(file.fd(), entry.offset - entry.tail_length,
                                             entry.tail_length) == entry.tail_hash;
}

bool FileSet::FindOriginal(const std::string& source, const TailFile& file,
                           const FileStatus& status, const FileEntry*& known) const {
  known = nullptr;
  if (status.size == 0)
    return true;  // perhaps one that is about to be filled: wait for the next scan
  bool is_copy = false;
  const auto compare = [&](const FileEntry& each) {
    if (each.source != source || each.head_length < kMinCopiedHead || each.id.empty()) return;
    if (HashRange(file.fd(), 0, each.head_length) != each.head_hash) return;
    is_copy = true;
    if (SameContent(each, file, status)) known = &each;
  };
  for (const FileEntry& each : closed_) compare(each);
  for (const FileEntry& each : replaced_) compare(each);
  for (const Followed& each : followed_) compare(each.file->entry());
  return is_copy;
}

// Where a record begins, about first_start_tail before the end: behind a line end, and not at a
// line that continues another.
uint64_t FileSet::FirstStartOffset(const TailFile& file, uint64_t size) const {
  uint64_t at = size - std::min(size, options_.first_start_tail);
  char block[4096];
  bool line_ended = false;
  for (;;) {
    const ssize_t got = ::pread(file.fd(), block, sizeof block, static_cast<off_t>(at));
    if (got <= 0) return size;
    for (ssize_t i = 0; i < got; ++i, ++at) {
      if (line_ended && block[i] != '\t' && block[i] != '\n') return at;
      line_ended = block[i] == '\n';
    }
  }
}

void FileSet::Follow(const std::string& source, const LogLocation& location, FileEntry entry,
                     TailFile file, bool is_current, const ParserFactory& parsers) {
  if (const shared::Result<void> at = file.Seek(entry.offset); !at) {
    closed_.push_back(std::move(entry));
    return;
  }
  shared::log::Info("logs {}: reading {} from {}", source, entry.path, entry.offset);
  followed_.push_back({source,
                       parsers,
                       location.format,
                       std::make_unique<FollowedFile>(std::move(entry), std::move(file), parsers(),
                                                      location.format),
                       {},
                       {}});
  if (!is_current) followed_.back().file->Retire();
}

shared::Result<void> FileSet::Restart(Followed& followed) {
  const FileEntry& before = followed.file->entry();
  ASSIGN_OR_RETURN(TailFile file, followed.file->file().Reopen());
  FileEntry entry;
  entry.source = before.source;
  entry.path = before.path;
  entry.key = before.key;
  entry.epoch = before.epoch + 1;
  entry.mtime_nanos = before.mtime_nanos;
  shared::log::Warn("logs {}: {} was truncated at {}; reading it from its beginning",
                    followed.source, before.path, followed.file->file().read_offset());
  Remember(before);
  const bool retired = followed.file->retired();
  followed.file = std::make_unique<FollowedFile>(std::move(entry), std::move(file),
                                                 followed.parsers(), followed.format);
  if (retired) followed.file->Retire();
  return {};
}

void FileSet::ReplaceParsers(const std::string& source, const ParserFactory& parsers,
                             shared::WallTime now) {
  for (Followed& each : followed_) {
    if (each.source != source) continue;
    each.parsers = parsers;
    each.file->ReplaceParser(parsers(), now);
  }
}

void FileSet::Remember(const FileEntry& ended) {
  if (replaced_.size() >= kMaxReplaced) replaced_.erase(replaced_.begin());
  replaced_.push_back(ended);
}

void FileSet::Settle(const FilePosition& position) {
  for (Followed& each : followed_) {
    if (each.file->entry().id == position.id) each.file->Settle(position);
  }
  for (FileEntry& each : replaced_) {
    if (each.id != position.id || position.end <= each.offset) continue;
    each.offset = position.end;  // so that a copy is read on from there
    each.tail_length = position.tail_length;
    each.tail_hash = position.tail_hash;
  }
}

bool FileSet::CloseFinished() {
  bool closed = false;
  for (auto it = followed_.begin(); it != followed_.end();) {
    if (!it->file->finished() || !it->file->all_settled()) {
      ++it;
      continue;
    }
    FileEntry entry = it->file->entry();
    entry.done = true;
    closed_.push_back(std::move(entry));
    it = followed_.erase(it);
    closed = true;
  }
  return closed;
}

void FileSet::Drop(std::list<Followed>::iterator which) {
  closed_.push_back(which->file->entry());
  followed_.erase(which);
}

void FileSet::ForgetVanished(const std::string& source, const LogLocation& location,
                             const std::vector<FoundFile>& files) {
  const auto gone = [&](const FileEntry& entry) {
    if (entry.source != source) return false;
    const bool here = std::any_of(files.begin(), files.end(), [&](const FoundFile& each) {
      return each.inode == entry.key.inode && each.path == entry.path;
    });
    if (here) return false;
    const std::string directory = entry.path.substr(0, entry.path.rfind('/'));
    struct stat status {};
    if (directory != location.directory &&
        (::stat(entry.path.c_str(), &status) == 0 || errno != ENOENT)) {
      return false;  // log_directory was changed; the old one is still there
    }
    if (!entry.done) {
      drops_.Add(STREAM_LOGS, "log_gap", 1, 0);
      shared::log::Error("logs {}: {} vanished before it was read beyond {}", source, entry.path,
                         entry.offset);
    }
    return true;
  };
  closed_.erase(std::remove_if(closed_.begin(), closed_.end(), gone), closed_.end());
  // Many old files: what is forgotten moves behind the horizon, so that it does not become news.
  const auto count =
      static_cast<size_t>(std::count_if(closed_.begin(), closed_.end(), [&](const FileEntry& each) {
        return each.source == source;
      }));
  if (count <= kMaxClosedPerSource) return;
  const auto oldest =
      std::min_element(closed_.begin(), closed_.end(), [&](const FileEntry& a, const FileEntry& b) {
        return std::make_tuple(a.source != source || !a.done, a.mtime_nanos) <
               std::make_tuple(b.source != source || !b.done, b.mtime_nanos);
      });
  if (oldest->source != source || !oldest->done) return;
  for (SourceEntry& each : sources_) {
    if (each.name != source || each.horizon_mtime_nanos > oldest->mtime_nanos) continue;
    each.horizon_mtime_nanos = oldest->mtime_nanos;
    each.horizon_name = oldest->path.substr(oldest->path.rfind('/') + 1);
  }
  closed_.erase(oldest);
}

CheckpointState FileSet::State() const {
  CheckpointState out;
  out.sources = sources_;
  out.files = closed_;
  for (const Followed& each : followed_) out.files.push_back(each.file->entry());
  return out;
}

}  // namespace agent::logs
