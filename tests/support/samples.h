#pragma once

#include <map>
#include <span>
#include <string>

#include "shared/model/layout.h"

namespace tests {

// The samples of a round by the way they are written: "system.cpu.time{cpu=0,cpu.mode=user}";
// common labels are left out.
inline std::map<std::string, double> Samples(const shared::model::Layout& layout,
                                             std::span<const double> values) {
  std::map<std::string, double> out;
  for (size_t i = 0; i < layout.series.size(); ++i) {
    std::string key = layout.series[i].name;
    char separator = '{';
    for (const shared::model::Label& label : layout.series[i].labels) {
      key += separator + label.name + "=" + label.value;
      separator = ',';
    }
    if (separator == ',') key += '}';
    out[key] = values[i];
  }
  return out;
}

}  // namespace tests
