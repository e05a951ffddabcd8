#include "collector/dead_letters_command.h"

#include <fmt/format.h>

#include <cstdio>

#include "collector/bus/replay.h"
#include "collector/part_options.h"
#include "collector/storage/dead_letter_table.h"
#include "shared/base/exit_code.h"
#include "shared/text/json_writer.h"
#include "shared/text/time_text.h"

namespace collector {
namespace {

bus::DeadLetterFilter FilterOf(const DeadLettersRequest& request) {
  bus::DeadLetterFilter filter;
  filter.reason = request.reason;
  filter.limit = request.limit;
  return filter;
}

std::string LineOf(const bus::DeadLetter& letter, bool json) {
  const std::string at = shared::text::FormatTime(letter.at);
  if (!json) {
    return fmt::format("{} {} {} [{}] offset {}, {} bytes: {}: {}", letter.id, at, letter.topic,
                       letter.partition, letter.offset, letter.size_bytes, letter.reason,
                       letter.message);
  }
  shared::text::JsonWriter writer;
  writer.BeginObject();
  writer.Key("id").Signed(letter.id).Key("at").String(at);
  writer.Key("topic").String(letter.topic).Key("partition").Signed(letter.partition);
  writer.Key("offset").Signed(letter.offset).Key("size_bytes").Signed(letter.size_bytes);
  writer.Key("reason").String(letter.reason).Key("message").String(letter.message);
  writer.Key("agent").String(letter.agent);
  writer.EndObject();
  return writer.Take();
}

int Unavailable(const shared::Error& error) {
  fmt::print(stderr, "{}\n", error.message);
  return shared::kExitUnavailable;
}

}  // namespace

int ListDeadLetters(const config::CollectorConfig& config, const DeadLettersRequest& request) {
  storage::DeadLetterTable table(StoreOptionsOf(config).connect);
  const auto letters = table.List(FilterOf(request));
  if (!letters) return Unavailable(letters.error());
  for (const bus::DeadLetter& letter : *letters) fmt::print("{}\n", LineOf(letter, request.json));
  fmt::print(stderr, "{} dead letters wait{}\n", letters->size(),
             letters->size() == request.limit ? " (there may be more: --limit)" : "");
  return shared::kExitOk;
}

int ReplayDeadLetters(const config::CollectorConfig& config, const DeadLettersRequest& request) {
  if (!config.kafka.enabled()) {
    fmt::print(stderr, "dead-letters replay: kafka.brokers is empty\n");
    return shared::kExitConfig;
  }
  storage::DeadLetterTable table(StoreOptionsOf(config).connect);
  const auto report = bus::ReplayDeadLetters(config.kafka, table, FilterOf(request));
  if (!report) return Unavailable(report.error());
  for (const std::string& failure : report->failures) fmt::print(stderr, "{}\n", failure);
  fmt::print("{} replayed, {} failed\n", report->replayed, report->failures.size());
  return report->failures.empty() ? shared::kExitOk : shared::kExitUnavailable;
}

}  // namespace collector
