#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "shared/base/result.h"

namespace agent::host {

// What cannot be read at present. Kept from round to round, so that a change shows and a problem
// that stays costs nothing but the comparison. One thread.
//
//   problems.Begin();
//   problems.Note(error);  // any number of times
//   if (problems.End()) Report(problems.faults(), problems.absent());
class Problems {
 public:
  void Begin();
  // kNotFound is not a fault: the kernel is older than the file, or built without it.
  void Note(const shared::Error& error);
  // Forgets what was not noted again. True: the problems are others than in the round before.
  bool End();

  // The messages of the last round, each once, joined by "; ". "" when there are none.
  [[nodiscard]] std::string faults() const { return Join(false); }
  [[nodiscard]] std::string absent() const { return Join(true); }
  [[nodiscard]] uint64_t faults_noted() const { return faults_noted_; }  // in all rounds

 private:
  struct Entry {
    std::string message;
    bool absent = false;
    bool noted = false;  // in this round
  };
  [[nodiscard]] std::string Join(bool absent) const;

  std::vector<Entry> entries_;
  bool changed_ = false;
  uint64_t faults_noted_ = 0;
};

}  // namespace agent::host
