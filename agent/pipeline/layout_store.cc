#include "agent/pipeline/layout_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <utility>

#include "agent/pipeline/layout_message.h"
#include "pgvigil/v1/batch.pb.h"
#include "shared/base/file.h"
#include "shared/text/hex.h"
#include "shared/wire/zstd.h"

namespace agent::pipeline {
namespace {

using shared::Result;
using shared::model::Layout;
using shared::model::LayoutHash;

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

timespec ToTimespec(shared::WallTime time) {
  const int64_t nanos = shared::ToUnixNanos(time);
  return timespec{nanos / 1'000'000'000, nanos % 1'000'000'000};
}

// Whether the frame is of the layout with this hash.
bool Holds(std::string_view frame, std::string_view hash) {
  const Result<std::string> bytes = shared::wire::Decompress(frame);
  pgvigil::v1::Batch batch;
  if (!bytes || !batch.ParseFromString(*bytes) || batch.layouts_size() != 1) return false;
  return batch.layouts(0).hash() == hash && FromMessage(batch.layouts(0)).has_value();
}

}  // namespace

Result<LayoutStore> LayoutStore::Open(std::string directory, const shared::Clock& clock) {
  RETURN_IF_ERROR(shared::MakeDirectories(directory));
  return LayoutStore(std::move(directory), clock);
}

Result<void> LayoutStore::Put(const Layout& layout) {
  const std::string path = PathOf(ToHex(layout.hash));
  pgvigil::v1::Batch batch;
  *batch.add_layouts() = ToMessage(layout);
  std::string frame;
  shared::wire::Compressor().Append(batch.SerializeAsString(), frame);
  // The same bytes are there already, unless they were damaged.
  const Result<std::string> kept = shared::ReadFile(path);
  if (!kept || *kept != frame) RETURN_IF_ERROR(shared::WriteFileDurably(path, frame));
  Touch(layout.hash);
  return {};
}

std::optional<std::string> LayoutStore::Find(std::string_view hash) const {
  if (hash.size() != sizeof(LayoutHash::bytes)) return std::nullopt;
  Result<std::string> frame = shared::ReadFile(PathOf(shared::text::ToHex(hash)));
  if (!frame || !Holds(*frame, hash)) return std::nullopt;
  return std::move(*frame);
}

void LayoutStore::Touch(const LayoutHash& hash) {
  const timespec now = ToTimespec(clock_->Now());
  const timespec times[2] = {now, now};
  ::utimensat(AT_FDCWD, PathOf(ToHex(hash)).c_str(), times, 0);
}

size_t LayoutStore::RemoveUnused(std::chrono::hours age) {
  const std::unique_ptr<DIR, CloseDirectory> stream(::opendir(directory_.c_str()));
  if (stream == nullptr) return 0;
  const int64_t oldest = ToTimespec(clock_->Now() - age).tv_sec;
  size_t removed = 0;
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    if (!name.ends_with(".zst") && !name.ends_with(".tmp")) continue;
    const std::string path = fmt::format("{}/{}", directory_, name);
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0 || status.st_mtim.tv_sec >= oldest) continue;
    if (::unlink(path.c_str()) == 0) removed += 1;
  }
  return removed;
}

std::string LayoutStore::PathOf(const std::string& hex) const {
  return fmt::format("{}/{}.zst", directory_, hex);
}

}  // namespace agent::pipeline
