#include "shared/log/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <memory>
#include <string>

namespace shared::log {
namespace {

std::atomic<Level> threshold{Level::kInfo};

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
    out->set_pattern(UnderSystemd() ? "%v" : "%Y-%m-%dT%H:%M:%S.%eZ %v",
                     spdlog::pattern_time_type::utc);
    out->flush_on(spdlog::level::debug);
    return out;
  }();
  return *logger;
}

std::string_view Prefix(Level level, bool systemd) {
  switch (level) {
    case Level::kDebug:
      return systemd ? "<7>" : "DEBUG ";
    case Level::kInfo:
      return systemd ? "<6>" : "INFO ";
    case Level::kWarn:
      return systemd ? "<4>" : "WARN ";
    case Level::kError:
      return systemd ? "<3>" : "ERROR ";
  }
  return "";
}

std::string Escape(std::string_view message) {
  std::string out;
  out.reserve(message.size());
  for (const char byte : message) {
    const auto code = static_cast<unsigned char>(byte);
    if (code < 0x20 || code == 0x7f) {
      out += fmt::format("\\x{:02x}", code);
    } else {
      out.push_back(byte);
    }
  }
  return out;
}

}  // namespace

void Init(Level level) {
  threshold = level;
}
void SetLevel(Level level) {
  threshold = level;
}
bool Enabled(Level level) {
  return level >= threshold.load(std::memory_order_relaxed);
}

void Write(Level level, std::string_view message) {
  static const bool systemd = UnderSystemd();
  Logger().log(ToSpdlog(level), "{}{}", Prefix(level, systemd), Escape(message));
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
