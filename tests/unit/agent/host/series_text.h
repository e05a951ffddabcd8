#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

#include "agent/pipeline/frame.h"
#include "shared/base/file.h"

namespace tests {

// One line for each series, in order: "system.cpu.time{cpu.mode=user} 12.5 s counter".
inline std::vector<std::string> SeriesLines(const agent::pipeline::FrameBuilder::Round& round) {
  std::vector<std::string> out;
  for (size_t i = 0; i < round.layout->series.size(); ++i) {
    const shared::model::Series& series = round.layout->series[i];
    std::string labels;
    for (const shared::model::Label& label : series.labels) {
      labels += fmt::format("{}{}={}", labels.empty() ? "" : ",", label.name, label.value);
    }
    out.push_back(fmt::format("{}{{{}}} {} {} {}", series.name, labels, round.values[i],
                              series.unit, shared::model::KindName(series.kind)));
  }
  return out;
}

// What `emit(frame)` adds.
template <typename Emission>
std::vector<std::string> LinesOf(Emission emit) {
  agent::pipeline::FrameBuilder frame;
  frame.Begin();
  emit(frame);
  return SeriesLines(frame.End());
}

// A captured file: ReadFixture("proc/3.10-x86_64/meminfo").
inline std::string ReadFixture(std::string_view name) {
  return shared::ReadFile(fmt::format("{}/{}", PGVIGIL_FIXTURES, name)).value();
}

}  // namespace tests
