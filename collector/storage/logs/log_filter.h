#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "collector/api/telemetry_reader.h"
#include "pgvigil/v1/logs.pb.h"

// Which records a question wants, and how they look in the answer. Pure.
namespace collector::storage {

// Whether every record that the question can match is also a row of pgvigil.log_event.
bool EventsSuffice(const api::LogQuery& query);

// The severity_mask bits of blocks that can hold a match.
uint32_t SeverityMask(uint32_t min_severity);

// False: no record of a block's content (log_block.h) can match, by a search for bytes alone.
bool MayMatch(std::string_view block_content, const api::LogQuery& query);

// The question's conditions on a record, but for host, time, source and pattern.
bool Matches(const pgvigil::v1::LogRecord& record, const api::LogQuery& query);

// "postgres", "syslog" or "otlp"; "" for a format of a newer agent.
std::string_view LogSource(int format);
// The formats of a source as a condition in SQL: "IN (1, 2)".
std::string_view SourceFormats(std::string_view source);

// The record's non-empty fields by name, in the order of logs.proto, then its attributes.
std::vector<std::pair<std::string, std::string>> LogFields(const pgvigil::v1::LogRecord& record);

}  // namespace collector::storage
