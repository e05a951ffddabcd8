#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/spool/files.h"
#include "agent/spool/format.h"

namespace agent::spool {

// What could not be delivered, kept for people to look at: one file each,
// "<incarnation>-<sequence>-<reason>" (20 digits, 20 digits; the reason's letters, digits, '_' and
// '-'). When the files together exceed the cap, the oldest go. Never fails: it is a courtesy. Not
// thread-safe.
class Quarantine {
 public:
  Quarantine(Files& files, std::string directory, uint64_t cap_bytes)
      : files_(&files), directory_(std::move(directory)), cap_bytes_(cap_bytes) {}

  void Keep(Name name, std::string_view reason, std::string_view bytes);

 private:
  void MakeRoom(uint64_t bytes);

  Files* files_;
  std::string directory_;
  uint64_t cap_bytes_;
};

}  // namespace agent::spool
