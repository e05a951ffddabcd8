#pragma once

#include <string>

#include "collector/api/api.h"
#include "collector/api/parameters.h"
#include "collector/api/telemetry_reader.h"

// One function per question of the API: reads its parameters, checks them all, asks the reader,
// writes the document. Each in a file of its own.
namespace collector::api {

shared::Result<std::string> AskHosts(TelemetryReader& reader, const QueryContext& context,
                                     Parameters& parameters, const ApiOptions& options);
shared::Result<std::string> AskAgents(TelemetryReader& reader, const QueryContext& context,
                                      Parameters& parameters, const ApiOptions& options,
                                      shared::WallTime now);
shared::Result<std::string> AskSeries(TelemetryReader& reader, const QueryContext& context,
                                      Parameters& parameters, const ApiOptions& options);
shared::Result<std::string> AskLabels(TelemetryReader& reader, const QueryContext& context,
                                      Parameters& parameters, const ApiOptions& options);
shared::Result<std::string> AskLabelValues(TelemetryReader& reader, const QueryContext& context,
                                           Parameters& parameters, const ApiOptions& options,
                                           const std::string& name);
shared::Result<std::string> AskCardinality(TelemetryReader& reader, const QueryContext& context,
                                           Parameters& parameters, const ApiOptions& options);
shared::Result<std::string> AskSamples(TelemetryReader& reader, const QueryContext& context,
                                       Parameters& parameters, const ApiOptions& options);
shared::Result<std::string> AskStatements(TelemetryReader& reader, const QueryContext& context,
                                          Parameters& parameters, const ApiOptions& options);
// `queryid`: the path part, checked here.
shared::Result<std::string> AskStatementHistory(TelemetryReader& reader,
                                                const QueryContext& context, Parameters& parameters,
                                                std::string_view queryid);
shared::Result<std::string> AskLogs(TelemetryReader& reader, const QueryContext& context,
                                    Parameters& parameters, const ApiOptions& options);
shared::Result<std::string> AskLogPatterns(TelemetryReader& reader, const QueryContext& context,
                                           Parameters& parameters, const ApiOptions& options);
shared::Result<std::string> AskKafka(TelemetryReader& reader, const QueryContext& context,
                                     Parameters& parameters);
shared::Result<std::string> AskDeadLetters(TelemetryReader& reader, const QueryContext& context,
                                           Parameters& parameters, const ApiOptions& options);

}  // namespace collector::api
