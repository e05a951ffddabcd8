#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace shared::config {

// One key as it came into effect.
struct Setting {
  std::string key;     // "postgres[0].statements.interval"
  std::string value;   // as TOML writes it: "\"10s\"", "true"; secrets "\"***\""
  std::string origin;  // "/etc/pgvigil-agent/agent.toml:12", "…:12, env PGHOST", "default"
};

// What `config show` prints: every key that a reader asked for, in its order.
class Settings {
 public:
  void Add(std::string key, std::string value, std::string origin);
  [[nodiscard]] const std::vector<Setting>& all() const { return settings_; }
  // null: no such key.
  [[nodiscard]] const Setting* Find(std::string_view key) const;

  // host.interval = "10s"   # default
  [[nodiscard]] std::string ToText() const;
  // [{"key":"host.interval","value":"\"10s\"","origin":"default"},…]
  [[nodiscard]] std::string ToJson() const;

 private:
  std::vector<Setting> settings_;
};

// A string as a TOML basic string, with its quotes.
std::string QuoteToml(std::string_view text);

}  // namespace shared::config
