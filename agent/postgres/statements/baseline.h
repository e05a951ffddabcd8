#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/postgres/statements/reading.h"
#include "shared/base/result.h"

// The reading that the next deltas start from, kept on disk, so that a restart of the agent loses
// no interval and counts none twice.
//
// A delta and the baseline that goes with it cannot become durable in one step: the delta goes to
// the spool. So the new baseline is written first, beside the old one and marked with the sequence
// that the batch is about to get. After a crash, the spool's last sequence tells which of the two
// goes with it.
//
// A server's baseline is two files, <system_identifier>-<port>.0 and .1, each replaced as a whole.
// Format version 1, little-endian:
//
//   offset  bytes  content
//        0      8  "PGVSTMT1"
//        8      4  format version, 1
//       12      4  extension version: 10 is 1.10
//       16      8  system_identifier
//       24      4  port
//       28      4  rows that the role could not see
//       32      8  incarnation of the spool  } the batch that brings the collector up to this
//       40      8  sequence                  } reading; sequence 0: no batch does
//       48      8  generation: of two files that both hold, the higher one is the newer
//       56      8  server time of the reading, nanoseconds since 1970, as all times here
//       64      8  start of the postmaster
//       72      8  stats_reset, 0: not known
//       80      8  dealloc
//       88      4  columns that the writer knew: those of Columns(), of which more may be added at
//       the end 92      4  n: entries 96      8  m: values
//      104   32*n  entries, ascending by (dbid, userid, queryid, toplevel), no two alike:
//                    queryid 8, dbid 4, userid 4, present 8, index of the first value 4, zero 4
//                    present: bit i: value of column i is there (else it is 0); 61: stats_since is
//                    there, behind the columns; 62: made of several rows; 63: toplevel
//        …    8*m  values: counts, and the bits of doubles
//        …      8  XXH3-64 of all before, seed 0x62617365 ("base")
namespace agent::postgres::statements {

// The server that a baseline belongs to.
struct ServerId {
  uint64_t system_identifier = 0;
  uint16_t port = 0;
  friend auto operator<=>(const ServerId&, const ServerId&) = default;
};

// A batch in the spool. Sequence 0: none, the baseline holds whatever the spool has.
struct SpoolMark {
  uint64_t incarnation = 0;
  uint64_t sequence = 0;
  friend bool operator==(const SpoolMark&, const SpoolMark&) = default;
};

// One file's content.
struct Baseline {
  ServerId server;
  SpoolMark mark;
  uint64_t generation = 0;
  Reading reading;
};

// Encodes and decodes; knows Reading's arrays.
class BaselineCodec {
 public:
  static std::string Encode(const ServerId& server, const SpoolMark& mark, uint64_t generation,
                            const Reading& reading);
  // kMalformed for whatever Encode did not write: "baseline: checksum differs", "baseline: 96
  // bytes, shorter than a header" … Allocates no more than the input's size.
  static shared::Result<Baseline> Decode(std::string_view bytes);
};

// The two files of one server. One thread at a time.
class BaselineFiles {
 public:
  // `directory` exists.
  BaselineFiles(std::string directory, const ServerId& server);

  // The newest baseline; nullopt when there is none. A file that cannot be read is passed over like
  // one that is not there: an older baseline costs nothing but a longer first interval.
  std::optional<Baseline> Load();

  // Makes `reading` durable, beside the newest baseline of another mark, which stays.
  shared::Result<void> Write(const Reading& reading, const SpoolMark& mark);

 private:
  [[nodiscard]] std::string Path(size_t slot) const;

  const std::string directory_;
  const ServerId server_;
  size_t newest_ = 1;  // the slot that the last write or load left as the newest
  SpoolMark newest_mark_;
  uint64_t generation_ = 0;
};

// Removes the baselines in `directory` whose batch never reached the spool: those marked with the
// spool's own incarnation and a sequence above its last. To be called once, when the spool was
// opened and before anything is appended, since the sequence will be given to another batch.
// A directory that does not exist is fine.
shared::Result<void> SettleBaselines(const std::string& directory, const SpoolMark& last_appended);

}  // namespace agent::postgres::statements
