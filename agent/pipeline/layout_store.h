#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "shared/base/clock.h"
#include "shared/base/result.h"
#include "shared/model/layout.h"

namespace agent::pipeline {

// The layouts that batches on disk name, one file each: "<32 hexadecimal digits>.zst", a zstd frame
// of a pgvigil.v1.Batch with that layout and nothing else, ready to be put in front of a batch
// whose layout the collector does not know. Thread-safe: files are replaced as a whole.
class LayoutStore {
 public:
  // Makes the directory.
  static shared::Result<LayoutStore> Open(std::string directory, const shared::Clock& clock);

  // Keeps a layout, durably.
  shared::Result<void> Put(const shared::model::Layout& layout);
  // The frame of the layout with this hash (16 bytes). nullopt: unknown, or damaged on disk.
  [[nodiscard]] std::optional<std::string> Find(std::string_view hash) const;
  // Marks a layout as in use.
  void Touch(const shared::model::LayoutHash& hash);
  // Removes layouts that were not in use for `age`; returns how many. Batches wait in the spool for
  // days: let it be a month.
  size_t RemoveUnused(std::chrono::hours age);

 private:
  LayoutStore(std::string directory, const shared::Clock& clock)
      : directory_(std::move(directory)), clock_(&clock) {}
  [[nodiscard]] std::string PathOf(const std::string& hex) const;

  std::string directory_;
  const shared::Clock* clock_;
};

}  // namespace agent::pipeline
