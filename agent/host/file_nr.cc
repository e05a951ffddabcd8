#include "agent/host/file_nr.h"

#include "shared/text/cursor.h"

namespace agent::host {
namespace {

using pipeline::Metric;
using shared::model::MetricKind;

constexpr Metric kUsage{"system.linux.file_handles.usage", "{file}", MetricKind::kUpDownCounter};
constexpr Metric kLimit{"system.linux.file_handles.limit", "{file}", MetricKind::kUpDownCounter};

}  // namespace

shared::Result<FileNr> ParseFileNr(std::string_view text) {
  shared::text::FieldCursor fields(text.substr(0, text.find('\n')));
  const auto allocated = fields.TakeNumber<uint64_t>();
  const auto unused = fields.TakeNumber<uint64_t>();  // always 0 since Linux 2.6
  const auto limit = fields.TakeNumber<uint64_t>();
  if (!allocated || !unused || !limit) {
    return shared::Fail(shared::ErrorCode::kMalformed, "line 1: not three numbers");
  }
  return FileNr{*allocated, *limit};
}

void Emit(const FileNr& files, pipeline::FrameBuilder& frame) {
  frame.Add(kUsage, {}, static_cast<double>(files.allocated));
  frame.Add(kLimit, {}, static_cast<double>(files.limit));
}

}  // namespace agent::host
