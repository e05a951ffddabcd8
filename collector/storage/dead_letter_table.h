#pragma once

#include "collector/bus/dead_letter_index.h"
#include "shared/postgres/connection.h"

namespace collector::storage {

// pgvigil.dead_letter. Connects for each call, as it is rarely asked. One thread.
class DeadLetterTable final : public bus::DeadLetterIndex {
 public:
  explicit DeadLetterTable(shared::postgres::ConnectOptions connect)
      : connect_(std::move(connect)) {}
  shared::Result<std::vector<bus::DeadLetter>> List(const bus::DeadLetterFilter& filter) override;
  shared::Result<void> MarkReplayed(int64_t id) override;

 private:
  const shared::postgres::ConnectOptions connect_;
};

}  // namespace collector::storage
