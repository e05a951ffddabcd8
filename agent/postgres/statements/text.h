#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "agent/postgres/statements/reading.h"
#include "agent/postgres/statements/text_memory.h"
#include "pgvigil/v1/statements.pb.h"
#include "shared/base/clock.h"
#include "shared/base/result.h"
#include "shared/postgres/connection.h"

namespace agent::postgres::statements {

// The text lane: fetches the texts of statements that the collector has not seen from this agent
// process. Asking for one text makes the server load its whole text file, so the lane runs only
// when there are unknown statements, seldom, with a timeout of its own, and backs off when it
// fails or learns nothing. One thread.
class TextLane {
 public:
  struct Config {
    std::chrono::milliseconds interval{600'000};  // between two runs
    // The server's, for one run; below the connection's own deadline.
    std::chrono::milliseconds timeout{10'000};
    uint32_t text_characters = 8'192;          // longer texts are cut
    size_t run_bytes = size_t{512} << 10;      // texts of one run; the costliest statements first
    size_t message_bytes = size_t{128} << 10;  // texts of one message
  };
  // Takes one message to the queue; false: refused, its texts are fetched again later.
  using Send = std::function<bool(pgvigil::v1::StatementTexts&)>;

  // The clock must outlive it.
  TextLane(const Config& config, const shared::Clock& clock) : config_(config), clock_(clock) {}

  // Whether a run is due: enough time has passed and `reading` has statements without a sent text.
  [[nodiscard]] bool Due(const Reading& reading) const;
  // One run. `schema` is where the extension lives. After an error the wait doubles, up to 16
  // intervals.
  shared::Result<void> Run(shared::postgres::Connection& connection, std::string_view schema,
                           const Reading& reading, const pgvigil::v1::PostgresInstance& instance,
                           const Send& send);

  [[nodiscard]] size_t sent() const { return sent_.size(); }

 private:
  void Schedule(bool useful);
  void Forget(const Reading& reading);

  const Config config_;
  const shared::Clock& clock_;
  TextMemory sent_;
  shared::MonotonicTime next_run_{};
  int fruitless_runs_ = 0;
};

// The statement of a run: $1 dbid array, $2 queryid array, $3 characters, $4 bytes.
std::string TextsSql(std::string_view schema);

}  // namespace agent::postgres::statements
