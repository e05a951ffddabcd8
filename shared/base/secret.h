#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>

namespace shared {

// A password, key or token. Prints as ***; the value leaves only through Reveal(), so that a search
// for that word finds every place where a secret is used.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  [[nodiscard]] const std::string& Reveal() const { return value_; }
  [[nodiscard]] bool empty() const { return value_.empty(); }
  friend bool operator==(const Secret&, const Secret&) = default;

 private:
  std::string value_;
};

}  // namespace shared

template <>
struct fmt::formatter<shared::Secret> : fmt::formatter<std::string_view> {
  template <typename Context>
  auto format(const shared::Secret& secret, Context& context) const {
    return fmt::formatter<std::string_view>::format(secret.empty() ? "" : "***", context);
  }
};
