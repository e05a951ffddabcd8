#pragma once

#include "collector/bus/client.h"
#include "collector/bus/record.h"

namespace collector::bus {

// A message without error, copied out of librdkafka's buffers.
ConsumedRecord CopyMessage(const rd_kafka_message_t& message);

}  // namespace collector::bus
