#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "collector/access/tenant.h"
#include "collector/api/matcher.h"
#include "shared/base/clock.h"
#include "shared/base/result.h"
#include "shared/model/labels.h"
#include "shared/model/layout.h"

// What the query API needs of storage. Times are half open: from <= t < to. Every call takes the
// tenant, a limit of rows, and a deadline; a passed deadline is kTimeout.
namespace collector::api {

struct QueryContext {
  access::TenantId tenant;
  shared::MonotonicTime deadline;
};

struct TimeRange {
  shared::WallTime from;
  shared::WallTime to;
};

struct HostRow {
  int32_t id = 0;
  std::string name;      // host.name
  std::string host_key;  // host.id
  shared::model::Labels resource;
  shared::WallTime first_seen;
  shared::WallTime last_seen;
};

struct AgentStreamRow {
  std::string stream;  // "metrics", "logs", "statements"
  uint64_t incarnation = 0;
  uint64_t sequence = 0;
  uint64_t batches = 0;
  uint64_t gaps = 0;        // sequences that never came
  uint64_t duplicates = 0;  // batches that came again and were skipped
  shared::WallTime last_received;
  shared::WallTime last_event;  // newest time in the data: lag is last_received - last_event
};

struct AgentRow {
  std::string id;  // UUID
  std::string host_name;
  std::string version;
  shared::WallTime first_seen;
  shared::WallTime last_seen;
  std::vector<AgentStreamRow> streams;
  std::string status_json;   // AgentStatus: {"capabilities":[…],"dropped":[…],"streams":[…]}
  std::string refused_json;  // refusals of the store by reason: {"timestamp_out_of_range":12}
};

// All that is given must hold. The first three are short forms, by exact value.
struct SeriesSelector {
  std::string name;                 // OpenTelemetry metric name; "": any
  std::optional<std::string> host;  // host name or host id
  shared::model::Labels labels;     // of the series itself
  std::vector<Matcher> matchers{};
  // Series that may have samples in it; by the day, and rather too many than too few.
  std::optional<TimeRange> seen{};
};

struct SeriesRow {
  int64_t id = 0;
  int32_t host_id = 0;
  std::string host_name;
  std::string name;
  std::string unit;
  shared::model::MetricKind kind = shared::model::MetricKind::kUnspecified;
  shared::model::Labels labels;
};

// How many series a thing has, how many of them are new, and how many values a label has.
struct SeriesCount {
  std::string name;  // of a metric, a label or a host
  uint64_t series = 0;
  uint64_t new_last_hour = 0;  // registered in the last 60 to 70 minutes
  uint64_t new_last_day = 0;
  uint64_t values = 0;  // of a label
};

// A metric whose series differ in unit or kind.
struct MetricConflict {
  std::string name;
  struct Variant {
    std::string unit;
    shared::model::MetricKind kind = shared::model::MetricKind::kUnspecified;
    uint64_t series = 0;
  };
  std::vector<Variant> variants;
};

// Series that were refused, by host and metric.
struct RefusedSeries {
  std::string host_name;
  std::string metric;
  std::string limit;  // "series_per_agent" or "series_per_tenant"
  uint64_t series = 0;
  shared::model::Labels example;  // of one of them
  shared::WallTime last_seen;
};

// Where series come from. Counts are of the series seen in the last days; `active` is what the
// limits are held against: series that were seen in the last two days.
struct Cardinality {
  uint64_t series = 0;
  uint64_t active = 0;
  uint64_t series_per_tenant = 0;  // the limits
  uint64_t series_per_agent = 0;
  std::vector<SeriesCount> metrics;      // most series first
  std::vector<SeriesCount> new_metrics;  // most new series in the last hour first
  std::vector<SeriesCount> labels;       // most values first
  std::vector<SeriesCount> hosts;        // most series first
  std::vector<RefusedSeries> refused;    // newest first
  std::vector<MetricConflict> conflicts;
};

struct SampleRow {
  int64_t time_unix_nano = 0;
  double value = 0;
};

struct SeriesSamples {
  SeriesRow series;
  // Ascending, each time once; stale markers left out. With an aggregate the times are those at
  // which steps begin.
  std::vector<SampleRow> samples;
};

// What becomes of the samples of a step. The increase of a counter begins at the sample before the
// step, if that is at most an hour older; a fall is a new beginning at 0. The rate is that over the
// seconds of the step.
enum class SampleAggregate { kMin, kMax, kAvg, kSum, kCount, kLast, kIncrease, kRate };

struct SampleQuery {
  SeriesSelector selector;
  TimeRange range;
  // With an aggregate: one value for each step of the range that has samples. Steps are whole
  // multiples since 1970, and the range is widened to whole ones.
  std::chrono::milliseconds step{};
  // More is kResourceExhausted that says how many there are and how to narrow the question.
  size_t series_limit = 0;
  size_t sample_limit = 0;                     // in all
  std::optional<SampleAggregate> aggregate{};  // none: every sample, as measured
};

struct SampleAnswer {
  // Zero: made of samples. Else of the rollups that answer, and of samples where they do not know
  // all yet, to the same numbers.
  std::chrono::milliseconds resolution{};
  std::vector<SeriesSamples> series;
};

// Which statements to sum up, over a window.
struct StatementQuery {
  TimeRange range;
  std::optional<std::string> host;
  std::optional<std::string> database;
  std::optional<std::string> user;
  std::string order_by = "total_exec_time_ms";  // a counter of StatementCounters()
  size_t limit = 20;
};

struct StatementRow {
  std::string host_name;
  std::string instance;  // system identifier, decimal
  std::string instance_name;
  std::string database;
  std::string user;
  int64_t queryid = 0;
  bool toplevel = true;
  std::string text;
  std::string fingerprint;                 // 16 hexadecimal digits
  std::map<std::string, double> counters;  // by column name: "calls", "total_exec_time_ms" …
  double min_exec_time_ms = 0;             // over the intervals of the window
  double max_exec_time_ms = 0;
};

struct StatementPoint {
  shared::WallTime start;
  shared::WallTime end;
  std::map<std::string, double> counters;
};

struct LogQuery {
  TimeRange range;
  std::optional<std::string> host;
  uint32_t min_severity = 0;  // OpenTelemetry number
  std::optional<std::string> sqlstate;
  std::optional<std::string> database;
  std::optional<std::string> contains;  // substring of the body, case-sensitive
  // The same, but with no letter, digit or '_' before and after it: finds "42" in "port 42", not in
  // "port 4242". Much is skipped unread when this is asked for instead of `contains`.
  std::optional<std::string> word;
  std::optional<std::string> source;  // "postgres" or "syslog"
  std::optional<int32_t> pattern;     // LogPatternRow::id: bodies that have its form
  bool newest_first = true;
  std::string cursor;  // "" or LogPage::next_cursor
  size_t limit = 100;
};

struct LogRow {
  int64_t time_unix_nano = 0;
  std::string host_name;
  std::string path;     // of the file
  std::string file_id;  // hexadecimal
  uint64_t offset = 0;  // of the record in the file: (file_id, offset) names it
  std::string source;   // "postgres" or "syslog"
  uint32_t severity_number = 0;
  std::string severity_text;
  std::string body;
  std::vector<std::pair<std::string, std::string>> fields;  // non-empty ones: "sqlstate", "pid" …
};

struct LogPage {
  std::vector<LogRow> rows;
  std::string next_cursor;  // "": no more
};

// A partition of Kafka, and how far it is stored.
struct KafkaPositionRow {
  std::string topic;
  int32_t partition = 0;
  int64_t next_offset = 0;  // stored before it
  std::string owner;        // the process that has it, or had it last
  std::optional<shared::WallTime> updated_at;
  int64_t recreations = 0;  // how often the topic turned out to be made again
  int64_t expired = 0;      // records that Kafka deleted before they were stored
};

// A record from Kafka that could not be stored.
struct DeadLetterRow {
  int64_t id = 0;
  std::string topic;  // where it came from
  int32_t partition = 0;
  int64_t offset = 0;
  std::string reason;   // "undecodable"
  std::string message;  // what exactly is wrong
  std::string agent;    // UUID, or empty
  int64_t size_bytes = 0;
  std::string dead_topic;  // where its bytes are
  int32_t dead_partition = 0;
  int64_t dead_offset = 0;
  shared::WallTime at;
  std::optional<shared::WallTime> replayed_at;
};

struct DeadLetterQuery {
  std::string reason;        // "": any
  int64_t after_id = 0;      // to page on
  bool waiting_only = true;  // not those that were replayed
  size_t limit = 100;
};

// What messages of a window have in common, the most frequent first.
struct LogPatternQuery {
  TimeRange range;
  std::optional<std::string> host;
  std::optional<std::string> source;
  std::optional<shared::WallTime> new_since;  // only those first seen then or later
  size_t limit = 100;
};

struct LogPatternRow {
  int32_t id = 0;
  std::string source;
  std::string pattern;  // "connection received: host=<*> port=<*>"
  uint32_t severity_number = 0;
  uint64_t lines = 0;  // in the window, by whole minutes
  shared::WallTime first_seen;
  shared::WallTime last_seen;
  std::string example;
};

struct LogPatternPage {
  std::vector<LogPatternRow> rows;
  uint64_t uncounted_lines = 0;  // of the window; they came a short while ago
};

class TelemetryReader {
 public:
  virtual ~TelemetryReader() = default;

  virtual shared::Result<std::vector<HostRow>> Hosts(const QueryContext& context, size_t limit) = 0;
  virtual shared::Result<std::vector<AgentRow>> Agents(const QueryContext& context,
                                                       size_t limit) = 0;
  // By name, host and id (bytewise).
  virtual shared::Result<std::vector<SeriesRow>> Series(const QueryContext& context,
                                                        const SeriesSelector& selector,
                                                        size_t limit) = 0;
  // Sorted. Labels of the series that the selector takes, `__name__` and `host.name` too.
  virtual shared::Result<std::vector<std::string>> LabelNames(const QueryContext& context,
                                                              const SeriesSelector& selector,
                                                              size_t limit) = 0;
  virtual shared::Result<std::vector<std::string>> LabelValues(const QueryContext& context,
                                                               const std::string& name,
                                                               const SeriesSelector& selector,
                                                               size_t limit) = 0;
  // `top`: the longest list.
  virtual shared::Result<Cardinality> CountSeries(const QueryContext& context, size_t top) = 0;
  virtual shared::Result<SampleAnswer> Samples(const QueryContext& context,
                                               const SampleQuery& query) = 0;
  // The same, every sample.
  shared::Result<std::vector<SeriesSamples>> Samples(const QueryContext& context,
                                                     const SeriesSelector& selector,
                                                     const TimeRange& range, size_t series_limit,
                                                     size_t sample_limit) {
    ASSIGN_OR_RETURN(SampleAnswer answer,
                     Samples(context, {selector, range, {}, series_limit, sample_limit, {}}));
    return std::move(answer.series);
  }
  // Top statements of the window, summed per (instance, database, user, queryid, toplevel).
  virtual shared::Result<std::vector<StatementRow>> TopStatements(const QueryContext& context,
                                                                  const StatementQuery& query) = 0;
  // One statement over time, a point per interval (summed over users and toplevel).
  virtual shared::Result<std::vector<StatementPoint>> StatementHistory(const QueryContext& context,
                                                                       const StatementQuery& query,
                                                                       int64_t queryid) = 0;
  virtual shared::Result<LogPage> Logs(const QueryContext& context, const LogQuery& query) = 0;
  // How far each partition is stored, by topic and partition.
  virtual shared::Result<std::vector<KafkaPositionRow>> KafkaPositions(
      const QueryContext& context) = 0;
  // Of the tenant, oldest first; those of which no tenant is known are the first tenant's.
  virtual shared::Result<std::vector<DeadLetterRow>> DeadLetters(const QueryContext& context,
                                                                 const DeadLetterQuery& query) = 0;
  virtual shared::Result<LogPatternPage> LogPatterns(const QueryContext& context,
                                                     const LogPatternQuery& query) = 0;
  // Whether questions can be answered now: connection and schema version.
  virtual shared::Result<void> Ready() = 0;
};

// The counters by which statements can be ordered and that StatementRow carries, in the order of
// pgvigil.v1.StatementDelta.
const std::vector<std::string>& StatementCounters();

}  // namespace collector::api
