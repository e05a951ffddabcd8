#pragma once

#include <string>
#include <vector>

namespace shared::model {

// One label (OpenTelemetry: attribute) of a series: {"system.device", "sda"}.
struct Label {
  std::string name;
  std::string value;
  friend auto operator<=>(const Label&, const Label&) = default;
};

// Sorted by name, each name once. Two series are the same when name and labels are equal.
using Labels = std::vector<Label>;

}  // namespace shared::model
