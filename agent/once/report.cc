#include "agent/once/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "shared/model/block.h"
#include "shared/text/json.h"
#include "shared/text/prometheus.h"

namespace agent::once {
namespace {

using shared::model::Label;
using shared::text::AppendJsonNumber;
using shared::text::AppendJsonString;

std::string Quoted(std::string_view text) {
  std::string out;
  AppendJsonString(text, out);
  return out;
}

std::string Number(double value) {
  std::string out;
  AppendJsonNumber(value, out);
  return out;
}

std::string TextLabels(const shared::model::Labels& labels) {
  if (labels.empty()) return {};
  std::string out = "{";
  for (const Label& label : labels) {
    if (out.size() > 1) out += ',';
    out += label.name + '=';
    shared::text::AppendLabelValue(label.value, out);
  }
  return out + '}';
}

std::string JsonLabels(const shared::model::Labels& labels) {
  std::string out = "{";
  for (const Label& label : labels) {
    if (out.size() > 1) out += ',';
    out += fmt::format("{}:{}", Quoted(label.name), Quoted(label.value));
  }
  return out + '}';
}

template <typename T, typename Write>
std::string JsonArray(const std::vector<T>& items, Write write) {
  std::string out = "[";
  for (const T& item : items) {
    if (out.size() > 1) out += ',';
    out += write(item);
  }
  return out + ']';
}

}  // namespace

void AddRound(const pipeline::FrameBuilder::Round& round, Report& report) {
  for (size_t i = 0; i < round.values.size(); ++i) {
    if (std::bit_cast<uint64_t>(round.values[i]) == shared::model::kStaleBits) continue;
    const shared::model::Series& series = round.layout->series[i];
    Sample& sample = report.metrics.emplace_back();
    sample.name = series.name;
    sample.labels = round.layout->common_labels;
    sample.labels.insert(sample.labels.end(), series.labels.begin(), series.labels.end());
    std::sort(sample.labels.begin(), sample.labels.end());
    sample.value = round.values[i];
    sample.unit = series.unit;
  }
}

std::string RenderText(const Report& report) {
  std::string out;
  for (const Sample& one : report.metrics) {
    out += fmt::format("{}{} {} {}\n", one.name, TextLabels(one.labels), one.value, one.unit);
  }
  for (const StatementCount& one : report.statements) {
    out += fmt::format("pg_stat_statements:{} {} entries", one.target, one.entries);
    if (one.hidden > 0) out += fmt::format(", {} hidden", one.hidden);
    out += '\n';
  }
  for (const LogFile& one : report.logs) {
    out += fmt::format("logs:{} {} {} bytes", one.log, one.path, one.size_bytes);
    if (one.behind_bytes) out += fmt::format(", {} behind", *one.behind_bytes);
    out += '\n';
  }
  return out;
}

std::string RenderJson(const Report& report) {
  const std::string metrics = JsonArray(report.metrics, [](const Sample& one) {
    return fmt::format(R"({{"name":{},"labels":{},"value":{},"unit":{}}})", Quoted(one.name),
                       JsonLabels(one.labels), Number(one.value), Quoted(one.unit));
  });
  const std::string statements = JsonArray(report.statements, [](const StatementCount& one) {
    return fmt::format(R"({{"target":{},"entries":{},"hidden":{}}})", Quoted(one.target),
                       one.entries, one.hidden);
  });
  const std::string logs = JsonArray(report.logs, [](const LogFile& one) {
    return fmt::format(R"({{"log":{},"path":{},"size_bytes":{},"behind_bytes":{}}})",
                       Quoted(one.log), Quoted(one.path), one.size_bytes,
                       one.behind_bytes ? std::to_string(*one.behind_bytes) : "null");
  });
  return fmt::format(R"({{"metrics":{},"statements":{},"logs":{}}})", metrics, statements, logs) +
         "\n";
}

}  // namespace agent::once
