#pragma once

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string_view>
#include <utility>

// The program's own log: one line an event to standard error, for the operator. ERROR: data was
// lost or someone must act. WARN: odd but recovered. INFO: lifecycle. DEBUG: the rest. Never a line
// per sample. Thread-safe. spdlog is included only in log.cc.
namespace shared::log {

enum class Level { kDebug, kInfo, kWarn, kError };
enum class Format { kText, kLogfmt, kJson };

// Call once at start. What lines look like: line.h; under systemd (JOURNAL_STREAM set) they begin
// with the priority.
void Init(Level level, Format format = Format::kText);
void SetLevel(Level level);
[[nodiscard]] bool Enabled(Level level);
void Write(Level level, std::string_view message);

template <typename... Args>
void Debug(fmt::format_string<Args...> format, Args&&... args) {
  if (Enabled(Level::kDebug))
    Write(Level::kDebug, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void Info(fmt::format_string<Args...> format, Args&&... args) {
  if (Enabled(Level::kInfo)) Write(Level::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void Warn(fmt::format_string<Args...> format, Args&&... args) {
  if (Enabled(Level::kWarn)) Write(Level::kWarn, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void Error(fmt::format_string<Args...> format, Args&&... args) {
  if (Enabled(Level::kError))
    Write(Level::kError, fmt::format(format, std::forward<Args>(args)...));
}

// For a line that could repeat: true at most once in `period`. `suppressed` is how many were held
// back since the last one. A member or static beside its log call; thread-safe.
class RateLimit {
 public:
  explicit RateLimit(std::chrono::seconds period = std::chrono::seconds(60)) : period_(period) {}
  bool Allow(uint64_t* suppressed = nullptr);

 private:
  const std::chrono::seconds period_;
  std::atomic<int64_t> next_nanos_{0};  // steady_clock
  std::atomic<uint64_t> suppressed_{0};
};

}  // namespace shared::log
