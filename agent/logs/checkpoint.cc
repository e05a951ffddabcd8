#include "agent/logs/checkpoint.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "shared/wire/checksum.h"

namespace agent::logs {
namespace {

using shared::ErrorCode;
using shared::Fail;
using shared::FailErrno;
using shared::Result;

constexpr std::string_view kMagic = "pgvtail1";
constexpr uint64_t kSeed = 0x316c696174766770;  // "pgvtail1"
constexpr size_t kHeaderBytes = 32;
constexpr size_t kIdBytes = 16;

class Writer {
 public:
  template <typename T>
  void Integer(T value) {
    for (size_t i = 0; i < sizeof(T); ++i) {
      out_.push_back(static_cast<char>(static_cast<uint64_t>(value) >> (8 * i)));
    }
  }
  void Text(std::string_view text) {
    Integer(static_cast<uint32_t>(text.size()));
    out_ += text;
  }
  void Raw(std::string_view bytes) { out_ += bytes; }
  [[nodiscard]] const std::string& bytes() const { return out_; }

 private:
  std::string out_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  template <typename T>
  void Integer(T& value) {
    const std::string_view raw = Raw(sizeof(T));
    uint64_t out = 0;
    for (size_t i = 0; i < raw.size(); ++i) {
      out |= uint64_t{static_cast<uint8_t>(raw[i])} << (8 * i);
    }
    value = static_cast<T>(out);
  }
  void Text(std::string& text) {
    uint32_t size = 0;
    Integer(size);
    text = Raw(size);
  }
  std::string_view Raw(size_t size) {
    if (bytes_.size() < size) {
      ok_ = false;
      bytes_ = {};
      return {};
    }
    const std::string_view out = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return out;
  }
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool at_end() const { return bytes_.empty(); }

 private:
  std::string_view bytes_;
  bool ok_ = true;
};

void WriteFile(const FileEntry& file, Writer& out) {
  out.Text(file.source);
  out.Text(file.path);
  std::string id = file.id;
  id.resize(kIdBytes);
  out.Raw(id);
  out.Integer(file.key.device);
  out.Integer(file.key.inode);
  out.Integer(file.key.generation);
  out.Integer(file.epoch);
  out.Integer(file.head_length);
  out.Integer(file.head_hash);
  out.Integer(file.offset);
  out.Integer(file.tail_length);
  out.Integer(file.tail_hash);
  out.Integer(file.cut);
  out.Integer(file.mtime_nanos);
  out.Integer(static_cast<uint8_t>(file.done ? 1 : 0));
}

void ReadFile(Reader& in, FileEntry& file) {
  in.Text(file.source);
  in.Text(file.path);
  file.id = in.Raw(kIdBytes);
  if (file.id.find_first_not_of('\0') == std::string::npos) file.id.clear();
  in.Integer(file.key.device);
  in.Integer(file.key.inode);
  in.Integer(file.key.generation);
  in.Integer(file.epoch);
  in.Integer(file.head_length);
  in.Integer(file.head_hash);
  in.Integer(file.offset);
  in.Integer(file.tail_length);
  in.Integer(file.tail_hash);
  in.Integer(file.cut);
  in.Integer(file.mtime_nanos);
  uint8_t done = 0;
  in.Integer(done);
  file.done = done != 0;
}

uint64_t SlotChecksum(std::string_view head, std::string_view body) {
  std::string covered(head);
  covered += body;
  return shared::wire::Checksum(covered, kSeed);
}

// Up to `size` bytes from `offset`.
Result<std::string> ReadSlot(int fd, uint64_t offset, const std::string& path) {
  std::string out(kSlotBytes, '\0');
  size_t got = 0;
  while (got < out.size()) {
    const ssize_t n =
        ::pread(fd, out.data() + got, out.size() - got, static_cast<off_t>(offset + got));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FailErrno(errno, fmt::format("read {}", path));
    if (n == 0) break;
    got += static_cast<size_t>(n);
  }
  out.resize(got);
  return out;
}

// What the two slots of a file hold.
struct Slots {
  std::optional<DecodedSlot> newest;  // nullopt: neither is readable
  int newest_index = 1;
  bool empty = true;
};

Result<Slots> ReadSlots(int fd, const std::string& path) {
  Slots out;
  for (int slot = 0; slot < 2; ++slot) {
    ASSIGN_OR_RETURN(const std::string bytes,
                     ReadSlot(fd, static_cast<uint64_t>(slot) * kSlotBytes, path));
    out.empty = out.empty && bytes.empty();
    Result<DecodedSlot> decoded = DecodeSlot(bytes);
    if (!decoded || (out.newest && decoded->generation <= out.newest->generation)) continue;
    out.newest_index = slot;
    out.newest = std::move(*decoded);
  }
  return out;
}

}  // namespace

Result<std::string> EncodeSlot(const CheckpointState& state, uint64_t generation) {
  Writer body;
  body.Integer(state.last_incarnation);
  body.Integer(static_cast<uint32_t>(state.sources.size()));
  for (const SourceEntry& source : state.sources) {
    body.Text(source.name);
    body.Integer(source.horizon_mtime_nanos);
    body.Text(source.horizon_name);
  }
  body.Integer(static_cast<uint32_t>(state.files.size()));
  for (const FileEntry& file : state.files) WriteFile(file, body);
  if (kHeaderBytes + body.bytes().size() > kSlotBytes) {
    return Fail(ErrorCode::kResourceExhausted, "{} files need {} bytes, a slot has {}",
                state.files.size(), kHeaderBytes + body.bytes().size(), kSlotBytes);
  }
  Writer head;
  head.Raw(kMagic);
  head.Integer(generation);
  head.Integer(static_cast<uint32_t>(body.bytes().size()));
  head.Integer(uint32_t{0});
  Writer out;
  out.Raw(head.bytes());
  out.Integer(SlotChecksum(head.bytes(), body.bytes()));
  out.Raw(body.bytes());
  return out.bytes();
}

Result<DecodedSlot> DecodeSlot(std::string_view bytes) {
  Reader head(bytes);
  const std::string_view magic = head.Raw(kMagic.size());
  DecodedSlot out;
  uint32_t size = 0;
  uint32_t zero = 0;
  uint64_t checksum = 0;
  head.Integer(out.generation);
  head.Integer(size);
  head.Integer(zero);
  head.Integer(checksum);
  const std::string_view body = head.Raw(size);
  if (!head.ok()) return Fail(ErrorCode::kMalformed, "slot is cut at byte {}", bytes.size());
  if (magic != kMagic) return Fail(ErrorCode::kMalformed, "slot has no magic");
  if (SlotChecksum(bytes.substr(0, 24), body) != checksum) {
    return Fail(ErrorCode::kMalformed, "slot of generation {}: wrong checksum", out.generation);
  }
  Reader in(body);
  uint32_t sources = 0;
  uint32_t files = 0;
  in.Integer(out.state.last_incarnation);
  in.Integer(sources);
  for (uint32_t i = 0; i < sources && in.ok(); ++i) {
    SourceEntry& source = out.state.sources.emplace_back();
    in.Text(source.name);
    in.Integer(source.horizon_mtime_nanos);
    in.Text(source.horizon_name);
  }
  in.Integer(files);
  for (uint32_t i = 0; i < files && in.ok(); ++i) ReadFile(in, out.state.files.emplace_back());
  if (!in.ok() || !in.at_end()) {
    return Fail(ErrorCode::kMalformed, "slot of generation {}: body does not parse",
                out.generation);
  }
  for (const FileEntry& file : out.state.files) {
    if (file.head_length > kHeadBytes || file.tail_length > kTailBytes ||
        file.tail_length > file.offset) {
      return Fail(ErrorCode::kMalformed, "slot of generation {}: {}: impossible lengths",
                  out.generation, file.path);
    }
  }
  return out;
}

Result<CheckpointState> ReadCheckpoint(const std::string& path) {
  const shared::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return FailErrno(errno, fmt::format("open {}", path));
  ASSIGN_OR_RETURN(Slots slots, ReadSlots(fd.get(), path));
  if (!slots.newest) return Fail(ErrorCode::kMalformed, "{}: neither slot is readable", path);
  return std::move(slots.newest->state);
}

Result<Checkpoint> Checkpoint::Open(const std::string& path) {
  Checkpoint out;
  out.path_ = path;
  out.fd_.Reset(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!out.fd_.valid()) return FailErrno(errno, fmt::format("open {}", path));
  ASSIGN_OR_RETURN(Slots slots, ReadSlots(out.fd_.get(), path));
  if (!slots.newest) {
    if (!slots.empty) out.origin_ = Origin::kDamaged;
    return out;
  }
  out.origin_ = Origin::kLoaded;
  out.generation_ = slots.newest->generation;
  out.newest_slot_ = slots.newest_index;
  out.loaded_ = std::move(slots.newest->state);
  return out;
}

Result<void> Checkpoint::Save(const CheckpointState& state) {
  ASSIGN_OR_RETURN(const std::string slot, EncodeSlot(state, generation_ + 1));
  const int target = 1 - newest_slot_;
  size_t written = 0;
  while (written < slot.size()) {
    const ssize_t n =
        ::pwrite(fd_.get(), slot.data() + written, slot.size() - written,
                 static_cast<off_t>(static_cast<size_t>(target) * kSlotBytes + written));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FailErrno(errno, fmt::format("write {}", path_));
    written += static_cast<size_t>(n);
  }
  if (::fdatasync(fd_.get()) != 0) return FailErrno(errno, fmt::format("fdatasync {}", path_));
  newest_slot_ = target;
  generation_ += 1;
  return {};
}

}  // namespace agent::logs
