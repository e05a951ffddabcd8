#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "collector/bus/client.h"
#include "collector/bus/record_store.h"
#include "collector/config/collector_config.h"
#include "shared/base/result.h"

namespace collector::bus {

// A record as it is to be: unlike Producer's it may have no key.
struct OutgoingRecord {
  std::string topic;
  std::optional<std::string> key;
  std::string_view value;
  std::vector<std::pair<std::string, std::string>> headers;
};

// A producer for the few: sends a record and waits. One thread at a time.
class SyncProducer {
 public:
  // A record under way. Must not go before the producer unless Wait gave its result.
  struct Sending {
    std::string topic;
    bool done = false;
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
    int32_t partition = 0;
    int64_t offset = 0;
  };

  // Connects later. `purpose`: of the client.id. kInvalidInput: settings that cannot work.
  static shared::Result<SyncProducer> Open(const config::Kafka& kafka, std::string_view purpose);

  // Where it is, once every replica in sync has it. kUnavailable: not within
  // kafka.delivery_timeout; it may arrive nevertheless. kInvalidInput: too large for the topic.
  shared::Result<Grave> Send(const OutgoingRecord& record);

  // The same in two steps. Copies the record. kInvalidInput: too large for librdkafka.
  shared::Result<std::unique_ptr<Sending>> Start(const OutgoingRecord& record);
  // nullopt: no result after `most`; wait again, at most kafka.delivery_timeout in all.
  std::optional<shared::Result<Grave>> Wait(const Sending& sending, std::chrono::milliseconds most);

 private:
  explicit SyncProducer(Handle handle) : handle_(std::move(handle)) {}
  Handle handle_;
};

}  // namespace collector::bus
