#include "agent/logs/severity.h"

#include <utility>

namespace agent::logs {
namespace {

constexpr std::pair<std::string_view, uint32_t> kPostgres[] = {
    {"LOG", 9},     {"ERROR", 17}, {"FATAL", 21}, {"WARNING", 13}, {"INFO", 9},
    {"NOTICE", 10}, {"PANIC", 24}, {"DEBUG", 5},  {"DEBUG1", 5},   {"DEBUG2", 5},
    {"DEBUG3", 5},  {"DEBUG4", 5}, {"DEBUG5", 5}};

struct Level {
  std::string_view name;
  uint32_t number;
};
constexpr Level kSyslog[] = {{"emerg", 21},   {"alert", 19},  {"crit", 18}, {"err", 17},
                             {"warning", 13}, {"notice", 10}, {"info", 9},  {"debug", 5}};

}  // namespace

uint32_t PostgresSeverity(std::string_view word) {
  for (const auto& [name, number] : kPostgres) {
    if (name == word) return number;
  }
  return 0;
}

uint32_t SyslogSeverity(uint32_t level) {
  return kSyslog[level & 7].number;
}
std::string_view SyslogSeverityName(uint32_t level) {
  return kSyslog[level & 7].name;
}

}  // namespace agent::logs
