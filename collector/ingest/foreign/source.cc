#include "collector/ingest/foreign/source.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace collector::ingest::foreign {
namespace {

using shared::model::Label;
using shared::model::Labels;

bool DescribesHost(std::string_view name) {
  return name.starts_with("host.") || name.starts_with("os.") || name.starts_with("cloud.");
}

bool TellsApart(std::string_view name) {
  constexpr std::string_view kNames[] = {
      "service.namespace", "service.name", "service.instance.id",    "container.id",
      "container.name",    "process.pid",  "process.executable.name"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames) ||
         (name.starts_with("k8s.") && name.ends_with(".name")) || name.starts_with("db.") ||
         name.starts_with("postgresql.");
}

std::string_view Find(const Labels& labels, std::string_view name) {
  for (const Label& label : labels) {
    if (label.name == name) return label.value;
  }
  return {};
}

}  // namespace

Source SourceOf(Labels attributes, std::string_view topic) {
  std::sort(attributes.begin(), attributes.end());
  Source source;
  const bool named = !Find(attributes, "host.id").empty() || !Find(attributes, "host.name").empty();
  if (!named) {
    std::string name;
    for (const char* stand_in : {"k8s.node.name", "service.instance.id", "service.name"}) {
      if (name.empty()) name = Find(attributes, stand_in);
    }
    if (name.empty()) name = fmt::format("unknown ({})", topic);
    source.host.push_back({"host.name", std::move(name)});
  }
  for (Label& label : attributes) {
    if (!named && (label.name == "host.id" || label.name == "host.name")) continue;  // empty
    if (DescribesHost(label.name)) {
      source.host.push_back(std::move(label));
    } else if (TellsApart(label.name) && !label.value.empty()) {
      source.common.push_back(std::move(label));
    }
  }
  std::sort(source.host.begin(), source.host.end());
  return source;
}

std::string_view LabelFault(const Label& label, const ForeignLimits& limits) {
  if (label.name.empty() || label.name.size() > limits.label_name_bytes ||
      label.value.size() > limits.label_value_bytes) {
    return "label_limit";
  }
  const auto has_nul = [](const std::string& text) { return text.find('\0') != std::string::npos; };
  return has_nul(label.name) || has_nul(label.value) ? "nul_byte" : "";
}

}  // namespace collector::ingest::foreign
