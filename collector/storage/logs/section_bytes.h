#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace collector::storage {

// The content of a section of a segment while it is written, and where the codes that zstd gives
// to its bytes begin anew: digits, indexes and random bytes share no code worth having.
class SectionBytes {
 public:
  std::string bytes;

  // Appends a run of bytes of one kind; a longer one gets codes of its own.
  void AddColumn(std::string_view column);
  // Appends all of `other`.
  void Append(const SectionBytes& other);

  // Ends of runs, for Compressor::Append.
  [[nodiscard]] const std::vector<size_t>& cuts() const { return cuts_; }
  // About how many bytes AddColumn's will be once compressed: by the frequencies of bytes.
  [[nodiscard]] double cost() const { return cost_; }

 private:
  void Cut();

  std::vector<size_t> cuts_;
  double cost_ = 0;
};

}  // namespace collector::storage
