#pragma once

#include <string_view>

#include "collector/ingest/foreign/foreign_limits.h"
#include "shared/model/labels.h"

namespace collector::ingest::foreign {

// Whose telemetry it is.
struct Source {
  // What describes the host: host.*, os.* and cloud.* attributes, the batch's resource. Always has
  // host.id or host.name.
  shared::model::Labels host;
  // What tells apart things on one host that have the same metrics; labels of their series and
  // attributes of their log records.
  shared::model::Labels common;
  friend auto operator<=>(const Source&, const Source&) = default;
};

// Takes a resource's attributes (any order, each name once) apart. Not every attribute becomes a
// label, for each change of one (a version, a command line) would make all series new: only
//   service.{namespace,name,instance.id}, container.{id,name}, k8s.*.name, process.pid,
//   process.executable.name, db.* and postgresql.*
// do. A resource that names no host gets as host.name the first that it has of k8s.node.name,
// service.instance.id and service.name, else "unknown (TOPIC)".
Source SourceOf(shared::model::Labels attributes, std::string_view topic);

// Why a label cannot be stored: "label_limit" or "nul_byte"; "" when it can.
std::string_view LabelFault(const shared::model::Label& label, const ForeignLimits& limits);

}  // namespace collector::ingest::foreign
