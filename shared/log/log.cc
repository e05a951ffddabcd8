#include "shared/log/log.h"

#include <pthread.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <string>

#include "shared/log/line.h"

namespace shared::log {
namespace {

std::atomic<Level> threshold{Level::kInfo};
std::atomic<Format> chosen_format{Format::kText};

spdlog::level::level_enum ToSpdlog(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarn:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

bool UnderSystemd() {
  return std::getenv("JOURNAL_STREAM") != nullptr;
}

spdlog::logger& Logger() {
  static const std::shared_ptr<spdlog::logger> logger = [] {
    auto out = std::make_shared<spdlog::logger>("pgvigil",
                                                std::make_shared<spdlog::sinks::stderr_sink_mt>());
    out->set_level(spdlog::level::debug);
    out->set_pattern("%v");
    out->flush_on(spdlog::level::debug);
    return out;
  }();
  return *logger;
}

// As the kernel has it: SetThreadName's, else the program's.
std::string ThreadName() {
  std::array<char, 16> name{};
  pthread_getname_np(pthread_self(), name.data(), name.size());
  return name.data();
}

}  // namespace

void Init(Level level, Format format) {
  threshold = level;
  chosen_format = format;
}
void SetLevel(Level level) {
  threshold = level;
}
bool Enabled(Level level) {
  return level >= threshold.load(std::memory_order_relaxed);
}

void Write(Level level, std::string_view message) {
  static const bool journal = UnderSystemd();
  Logger().log(ToSpdlog(level),
               FormatLine(chosen_format.load(std::memory_order_relaxed), level,
                          std::chrono::system_clock::now(), ThreadName(), message, journal));
}

bool RateLimit::Allow(uint64_t* suppressed) {
  const int64_t now = std::chrono::steady_clock::now().time_since_epoch().count();
  int64_t next = next_nanos_.load();
  const int64_t after = now + std::chrono::nanoseconds(period_).count();
  if (now < next || !next_nanos_.compare_exchange_strong(next, after)) {
    suppressed_.fetch_add(1);
    return false;
  }
  const uint64_t held_back = suppressed_.exchange(0);
  if (suppressed != nullptr) *suppressed = held_back;
  return true;
}

}  // namespace shared::log
