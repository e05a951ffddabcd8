#pragma once

#include <optional>
#include <vector>

#include "collector/api/telemetry_reader.h"

namespace tests {

// Answers what the test put in; keeps what it was asked. For one question at a time.
class FakeReader final : public collector::api::TelemetryReader {
 public:
  template <typename T>
  shared::Result<T> Answer(T value) {
    if (failure) return tl::make_unexpected(*failure);
    return value;
  }
  shared::Result<std::vector<collector::api::HostRow>> Hosts(const collector::api::QueryContext&,
                                                             size_t) override {
    return Answer(hosts);
  }
  shared::Result<std::vector<collector::api::AgentRow>> Agents(const collector::api::QueryContext&,
                                                               size_t) override {
    return Answer(agents);
  }
  shared::Result<std::vector<collector::api::SeriesRow>> Series(
      const collector::api::QueryContext&, const collector::api::SeriesSelector& asked,
      size_t) override {
    selector = asked;
    return Answer(series);
  }
  shared::Result<std::vector<std::string>> LabelNames(const collector::api::QueryContext&,
                                                      const collector::api::SeriesSelector& asked,
                                                      size_t) override {
    selector = asked;
    return Answer(texts);
  }
  shared::Result<std::vector<std::string>> LabelValues(const collector::api::QueryContext&,
                                                       const std::string& name,
                                                       const collector::api::SeriesSelector& asked,
                                                       size_t) override {
    label = name;
    selector = asked;
    return Answer(texts);
  }
  shared::Result<collector::api::Cardinality> CountSeries(const collector::api::QueryContext&,
                                                          size_t) override {
    return Answer(cardinality);
  }
  shared::Result<collector::api::SampleAnswer> Samples(
      const collector::api::QueryContext&, const collector::api::SampleQuery& asked) override {
    selector = asked.selector;
    range = asked.range;
    step = asked.step;
    aggregate = asked.aggregate;
    return Answer(collector::api::SampleAnswer{resolution, samples});
  }
  shared::Result<std::vector<collector::api::StatementRow>> TopStatements(
      const collector::api::QueryContext&, const collector::api::StatementQuery& query) override {
    statement_query = query;
    return Answer(statements);
  }
  shared::Result<std::vector<collector::api::StatementPoint>> StatementHistory(
      const collector::api::QueryContext&, const collector::api::StatementQuery& query,
      int64_t asked_queryid) override {
    statement_query = query;
    queryid = asked_queryid;
    return Answer(points);
  }
  shared::Result<collector::api::LogPage> Logs(const collector::api::QueryContext&,
                                               const collector::api::LogQuery& query) override {
    log_query = query;
    return Answer(logs);
  }
  shared::Result<std::vector<collector::api::KafkaPositionRow>> KafkaPositions(
      const collector::api::QueryContext&) override {
    return Answer(kafka_positions);
  }
  shared::Result<std::vector<collector::api::DeadLetterRow>> DeadLetters(
      const collector::api::QueryContext&, const collector::api::DeadLetterQuery& query) override {
    dead_letter_query = query;
    return Answer(dead_letters);
  }
  shared::Result<collector::api::LogPatternPage> LogPatterns(
      const collector::api::QueryContext&, const collector::api::LogPatternQuery& query) override {
    log_pattern_query = query;
    return Answer(log_patterns);
  }
  shared::Result<void> Ready() override {
    if (failure) return tl::make_unexpected(*failure);
    return {};
  }

  std::optional<shared::Error> failure;
  std::vector<collector::api::HostRow> hosts;
  std::vector<collector::api::AgentRow> agents;
  std::vector<collector::api::SeriesRow> series;
  std::vector<collector::api::SeriesSamples> samples;
  std::chrono::milliseconds resolution{};
  std::vector<collector::api::StatementRow> statements;
  std::vector<collector::api::StatementPoint> points;
  std::vector<collector::api::KafkaPositionRow> kafka_positions;
  std::vector<collector::api::DeadLetterRow> dead_letters;
  collector::api::DeadLetterQuery dead_letter_query;
  collector::api::LogPage logs;
  collector::api::LogPatternPage log_patterns;
  std::vector<std::string> texts;  // names or values of labels
  collector::api::Cardinality cardinality;

  std::string label;
  collector::api::SeriesSelector selector;
  collector::api::TimeRange range;
  std::chrono::milliseconds step{};
  std::optional<collector::api::SampleAggregate> aggregate{};
  collector::api::StatementQuery statement_query;
  int64_t queryid = 0;
  collector::api::LogQuery log_query;
  collector::api::LogPatternQuery log_pattern_query;
};

}  // namespace tests
