#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/logs/checkpoint.h"
#include "agent/logs/followed_file.h"
#include "agent/logs/watch_set.h"
#include "agent/pipeline/drops.h"

namespace agent::logs {

struct FileSetOptions {
  size_t max_open_files = 64;
  size_t max_record_bytes = size_t{1024} * 1024;
  // At the first start ever, a larger file is read from first_start_tail before its end.
  uint64_t first_start_limit = uint64_t{64} * 1024 * 1024;
  uint64_t first_start_tail = uint64_t{1024} * 1024;
};

using ParserFactory = std::function<std::unique_ptr<RecordParser>()>;

// Which files are read: brings what is open in line with what the directories hold.
//
// A file of a log is read when it is the current one, when the checkpoint knows it unfinished under
// any name, or when it is unknown and newer than the source's horizon: what came, and perhaps went
// out of use, while the agent was down. At a source's first start the horizon is set behind all
// files but the current one. A file that is no longer current stays open until it was read to its
// end, twice with five seconds between, and all of it is settled; it may be renamed or unlinked
// meanwhile.
//
// copytruncate: an unknown file that begins like a known one, and has the same bytes before the
// known one's position, is its copy. It is read on from that position under the known file's id, so
// that what was written before the truncation is neither lost nor stored twice. What the writer
// adds between copy and truncation is lost by nature.
//
// Counted in Drops: "log_gap", a file vanished before it was read to its end; "first_start", bytes
// not read at the first start. One thread.
class FileSet {
 public:
  // `drops` must outlive the set. A damaged checkpoint is no first start: everything is read again.
  FileSet(const CheckpointState& loaded, Checkpoint::Origin origin, FileSetOptions options,
          pipeline::Drops& drops);

  // Looks at one log's directory. An error leaves everything as it is.
  shared::Result<void> Rescan(const std::string& source, const LogLocation& location,
                              const ParserFactory& parsers);
  // The source's open files are parsed by new parsers from now on.
  void ReplaceParsers(const std::string& source, const ParserFactory& parsers,
                      shared::WallTime now);

  struct Followed {
    std::string source;
    ParserFactory parsers;
    pgvigil::v1::LogFormat format;
    std::unique_ptr<FollowedFile> file;
    // For who reads in turns: when the next is due, and how long the pause before it was.
    shared::MonotonicTime next_poll{};
    std::chrono::milliseconds pause{0};
  };
  [[nodiscard]] std::list<Followed>& followed() { return followed_; }

  // After FollowedFile::State::kTruncated, when the last chunk was taken: the file's new life
  // begins.
  shared::Result<void> Restart(Followed& followed);
  // Applies to every file with the position's id.
  void Settle(const FilePosition& position);
  // Closes what is finished and settled, or cannot be read. True: something was closed.
  bool CloseFinished();
  void Drop(std::list<Followed>::iterator which);

  // What a checkpoint is to hold, but for last_incarnation.
  [[nodiscard]] CheckpointState State() const;

 private:
  SourceEntry& SourceOf(const std::string& source, const std::vector<FoundFile>& files,
                        const std::string& current);
  Followed* FindOpen(const FoundFile& found);
  void Consider(const std::string& source, const LogLocation& location, const FoundFile& found,
                bool is_current, bool is_news, const ParserFactory& parsers);
  std::vector<FileEntry>::iterator FindClosed(const FileStatus& status, const std::string& path);
  static bool SameContent(const FileEntry& entry, const TailFile& file, const FileStatus& status);
  // The known file that `file` is a copy of. False: none. `known` null: it is one, but not yet
  // whole.
  bool FindOriginal(const std::string& source, const TailFile& file, const FileStatus& status,
                    const FileEntry*& known) const;
  uint64_t FirstStartOffset(const TailFile& file, uint64_t size) const;
  void Follow(const std::string& source, const LogLocation& location, FileEntry entry,
              TailFile file, bool is_current, const ParserFactory& parsers);
  void Remember(const FileEntry& ended);
  void ForgetVanished(const std::string& source, const LogLocation& location,
                      const std::vector<FoundFile>& files);

  const FileSetOptions options_;
  pipeline::Drops& drops_;
  const bool first_start_allowed_;
  std::vector<SourceEntry> sources_;
  std::set<std::string> first_scan_;  // sources whose first start this is
  std::list<Followed> followed_;      // a list: iterators stay valid
  std::vector<FileEntry> closed_;     // known and not open
  std::vector<FileEntry> replaced_;   // lives that a truncation ended, for FindOriginal
};

}  // namespace agent::logs
