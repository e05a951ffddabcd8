#include "shared/config/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "shared/text/json.h"

namespace shared::config {

void Settings::Add(std::string key, std::string value, std::string origin) {
  settings_.push_back(Setting{std::move(key), std::move(value), std::move(origin)});
}

const Setting* Settings::Find(std::string_view key) const {
  for (const Setting& setting : settings_) {
    if (setting.key == key) return &setting;
  }
  return nullptr;
}

std::string Settings::ToText() const {
  constexpr size_t kWidest = 60;  // a longer line does not push all origins to the right
  size_t width = 0;
  for (const Setting& setting : settings_) {
    width = std::max(width, std::min(kWidest, setting.key.size() + 3 + setting.value.size()));
  }
  std::string out;
  for (const Setting& setting : settings_) {
    const std::string line = fmt::format("{} = {}", setting.key, setting.value);
    out += fmt::format("{:<{}}  # {}\n", line, width, setting.origin);
  }
  return out;
}

std::string Settings::ToJson() const {
  std::string out = "[";
  for (const Setting& setting : settings_) {
    out += out.size() > 1 ? ",{\"key\":" : "{\"key\":";
    text::AppendJsonString(setting.key, out);
    out += ",\"value\":";
    text::AppendJsonString(setting.value, out);
    out += ",\"origin\":";
    text::AppendJsonString(setting.origin, out);
    out.push_back('}');
  }
  out.push_back(']');
  return out;
}

std::string QuoteToml(std::string_view text) {
  std::string out;
  text::AppendJsonString(text, out);  // every JSON string is a TOML basic string
  return out;
}

}  // namespace shared::config
