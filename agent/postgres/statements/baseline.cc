#include "agent/postgres/statements/baseline.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "shared/base/file.h"
#include "shared/base/unique_fd.h"
#include "shared/wire/checksum.h"

namespace agent::postgres::statements {

using shared::ErrorCode;
using shared::Fail;
using shared::Result;

namespace {

static_assert(std::endian::native == std::endian::little, "the arrays are written as they lie");

constexpr std::string_view kMagic = "PGVSTMT1";
constexpr uint32_t kFormat = 1;
constexpr uint64_t kChecksumSeed = 0x62617365;
constexpr size_t kChecksumBytes = 8;
constexpr size_t kFileLimit = size_t{64} << 20;

// The first 104 bytes, as they lie in the file.
struct Header {
  std::array<char, 8> magic;
  uint32_t format;
  uint32_t extension;
  uint64_t system_identifier;
  uint32_t port;
  uint32_t hidden;
  uint64_t incarnation;
  uint64_t sequence;
  uint64_t generation;
  int64_t server_time;
  int64_t postmaster_start;
  int64_t stats_reset;
  uint64_t dealloc;
  uint32_t columns;
  uint32_t entries;
  uint64_t values;
};
static_assert(sizeof(Header) == 104);

Result<Header> DecodeHeader(std::string_view bytes) {
  Header header{};
  if (bytes.size() < sizeof(Header) + kChecksumBytes) {
    return Fail(ErrorCode::kMalformed, "baseline: {} bytes, shorter than a header", bytes.size());
  }
  std::memcpy(&header, bytes.data(), sizeof(Header));
  if (std::string_view(header.magic.data(), header.magic.size()) != kMagic) {
    return Fail(ErrorCode::kMalformed, "baseline: does not begin with {}", kMagic);
  }
  if (header.format != kFormat) {
    return Fail(ErrorCode::kMalformed, "baseline: format {} is not known", header.format);
  }
  uint64_t checksum = 0;
  std::memcpy(&checksum, bytes.data() + bytes.size() - kChecksumBytes, kChecksumBytes);
  if (shared::wire::Checksum(bytes.substr(0, bytes.size() - kChecksumBytes), kChecksumSeed) !=
      checksum) {
    return Fail(ErrorCode::kMalformed, "baseline: checksum differs");
  }
  if (header.columns > Columns().size()) {
    return Fail(ErrorCode::kMalformed, "baseline: {} columns, only {} are known", header.columns,
                Columns().size());
  }
  if (header.port > 65'535 || header.extension < kOldestExtension || header.extension > 1'000) {
    return Fail(ErrorCode::kMalformed, "baseline: port {} or extension 1.{} cannot be", header.port,
                header.extension);
  }
  return header;
}

Result<void> SyncDirectory(const std::string& directory) {
  const shared::UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return shared::FailErrno(errno, "open " + directory);
  if (::fsync(fd.get()) != 0) return shared::FailErrno(errno, "fsync " + directory);
  return {};
}

}  // namespace

std::string BaselineCodec::Encode(const ServerId& server, const SpoolMark& mark,
                                  uint64_t generation, const Reading& reading) {
  const Epoch& epoch = reading.epoch();
  Header header{};
  std::copy(kMagic.begin(), kMagic.end(), header.magic.begin());
  header.format = kFormat;
  header.extension = static_cast<uint32_t>(reading.extension());
  header.system_identifier = server.system_identifier;
  header.port = server.port;
  header.hidden = reading.hidden();
  header.incarnation = mark.incarnation;
  header.sequence = mark.sequence;
  header.generation = generation;
  header.server_time = shared::ToUnixNanos(epoch.server_time);
  header.postmaster_start = shared::ToUnixNanos(epoch.postmaster_start);
  header.stats_reset = shared::ToUnixNanos(epoch.stats_reset);
  header.dealloc = epoch.dealloc;
  header.columns = static_cast<uint32_t>(Columns().size());
  header.entries = static_cast<uint32_t>(reading.entries_.size());
  header.values = reading.values_.size();

  const size_t entry_bytes = reading.entries_.size() * sizeof(Reading::Entry);
  const size_t value_bytes = reading.values_.size() * sizeof(uint64_t);
  std::string out(sizeof(Header) + entry_bytes + value_bytes + kChecksumBytes, '\0');
  char* to = out.data();
  std::memcpy(to, &header, sizeof(Header));
  to += sizeof(Header);
  if (entry_bytes > 0) std::memcpy(to, reading.entries_.data(), entry_bytes);
  to += entry_bytes;
  if (value_bytes > 0) std::memcpy(to, reading.values_.data(), value_bytes);
  to += value_bytes;
  const uint64_t checksum = shared::wire::Checksum(
      std::string_view(out).substr(0, out.size() - kChecksumBytes), kChecksumSeed);
  std::memcpy(to, &checksum, kChecksumBytes);
  return out;
}

Result<Baseline> BaselineCodec::Decode(std::string_view bytes) {
  using Entry = Reading::Entry;
  static_assert(sizeof(Entry) == 32);
  ASSIGN_OR_RETURN(const Header header, DecodeHeader(bytes));
  std::string_view rest = bytes.substr(sizeof(Header));
  rest.remove_suffix(kChecksumBytes);
  // In two steps, so that no product of the header's numbers can overflow.
  if (rest.size() / sizeof(Entry) < header.entries ||
      (rest.size() - header.entries * sizeof(Entry)) / sizeof(uint64_t) != header.values ||
      rest.size() % sizeof(uint64_t) != 0) {
    return Fail(ErrorCode::kMalformed, "baseline: {} bytes do not hold {} entries and {} values",
                rest.size(), header.entries, header.values);
  }
  const Epoch epoch{.server_time = shared::FromUnixNanos(header.server_time),
                    .postmaster_start = shared::FromUnixNanos(header.postmaster_start),
                    .stats_reset = shared::FromUnixNanos(header.stats_reset),
                    .dealloc = header.dealloc};
  Reading reading(static_cast<int>(header.extension), epoch);
  reading.hidden_ = header.hidden;
  reading.entries_.resize(header.entries);
  reading.values_.resize(header.values);
  const size_t entry_bytes = header.entries * sizeof(Entry);
  if (entry_bytes > 0) std::memcpy(reading.entries_.data(), rest.data(), entry_bytes);
  rest.remove_prefix(entry_bytes);
  if (!rest.empty()) std::memcpy(reading.values_.data(), rest.data(), rest.size());

  const uint64_t columns_allowed = (uint64_t{1} << header.columns) - 1;
  const uint64_t allowed = columns_allowed | uint64_t{7} << Reading::kStatsSinceBit;
  const uint64_t stored = columns_allowed | uint64_t{1} << Reading::kStatsSinceBit;
  for (size_t i = 0; i < reading.entries_.size(); ++i) {
    const Entry& entry = reading.entries_[i];
    const auto values = static_cast<uint64_t>(std::popcount(entry.present & stored));
    if ((entry.present & ~allowed) != 0 || entry.first + values > header.values ||
        entry.padding != 0 || (i > 0 && !(reading.key(i - 1) < reading.key(i)))) {
      return Fail(ErrorCode::kMalformed, "baseline: entry {} cannot be", i);
    }
  }
  return Baseline{
      .server = {header.system_identifier, static_cast<uint16_t>(header.port)},
      .mark = {header.incarnation, header.sequence},
      .generation = header.generation,
      .reading = std::move(reading),
  };
}

BaselineFiles::BaselineFiles(std::string directory, const ServerId& server)
    : directory_(std::move(directory)), server_(server) {}

std::string BaselineFiles::Path(size_t slot) const {
  return fmt::format("{}/{}-{}.{}", directory_, server_.system_identifier, server_.port, slot);
}

std::optional<Baseline> BaselineFiles::Load() {
  std::optional<Baseline> newest;
  for (size_t slot = 0; slot < 2; ++slot) {
    const Result<std::string> bytes = shared::ReadFile(Path(slot), kFileLimit);
    if (!bytes) continue;
    Result<Baseline> baseline = BaselineCodec::Decode(*bytes);
    if (!baseline || baseline->server != server_) continue;
    if (newest && newest->generation >= baseline->generation) continue;
    newest = std::move(*baseline);
    newest_ = slot;
  }
  if (newest) {
    newest_mark_ = newest->mark;
    generation_ = newest->generation;
  }
  return newest;
}

Result<void> BaselineFiles::Write(const Reading& reading, const SpoolMark& mark) {
  // Of two readings that go with the same batch the later replaces the earlier, and what holds if
  // that batch is never appended stays.
  const bool same_batch = mark == newest_mark_ && mark.sequence != 0;
  const size_t slot = same_batch ? newest_ : 1 - newest_;
  RETURN_IF_ERROR(shared::WriteFileDurably(
      Path(slot), BaselineCodec::Encode(server_, mark, generation_ + 1, reading)));
  generation_ += 1;
  newest_ = slot;
  newest_mark_ = mark;
  return {};
}

Result<void> SettleBaselines(const std::string& directory, const SpoolMark& last_appended) {
  std::error_code error;
  std::filesystem::directory_iterator files(directory, error);
  if (error == std::errc::no_such_file_or_directory) return {};
  std::vector<std::string> paths;
  for (; !error && files != std::filesystem::directory_iterator(); files.increment(error)) {
    paths.push_back(files->path().string());
  }
  if (error) return shared::FailErrno(error.value(), "read directory " + directory);
  bool removed = false;
  for (const std::string& path : paths) {
    const Result<std::string> bytes = shared::ReadFile(path, kFileLimit);
    if (!bytes) continue;  // another's; what cannot be read now is not used later either
    const Result<Header> header = DecodeHeader(*bytes);
    if (!header || header->sequence == 0 || header->incarnation != last_appended.incarnation ||
        header->sequence <= last_appended.sequence) {
      continue;
    }
    if (::unlink(path.c_str()) != 0) return shared::FailErrno(errno, "unlink " + path);
    removed = true;
  }
  if (removed) RETURN_IF_ERROR(SyncDirectory(directory));
  return {};
}

}  // namespace agent::postgres::statements
