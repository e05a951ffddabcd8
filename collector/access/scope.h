#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace collector::access {

// What a key is for. None implies another.
enum class Scope : uint8_t {
  kIngest = 1,  // send batches
  kQuery = 2,   // ask about the tenant's data
  kAdmin = 4,   // see how the collector itself does: its metrics, Kafka, dead letters
};

inline constexpr std::array kScopes = {Scope::kIngest, Scope::kQuery, Scope::kAdmin};

// "ingest", "query", "admin".
constexpr std::string_view ScopeName(Scope scope) {
  switch (scope) {
    case Scope::kIngest:
      return "ingest";
    case Scope::kQuery:
      return "query";
    case Scope::kAdmin:
      return "admin";
  }
  return "";
}

constexpr std::optional<Scope> ParseScope(std::string_view name) {
  for (const Scope scope : kScopes) {
    if (ScopeName(scope) == name) return scope;
  }
  return std::nullopt;
}

class ScopeSet {
 public:
  constexpr ScopeSet() = default;
  static constexpr ScopeSet All() {
    ScopeSet all;
    for (const Scope scope : kScopes) all.Add(scope);
    return all;
  }
  constexpr void Add(Scope scope) { bits_ = static_cast<uint8_t>(bits_ | Bit(scope)); }
  [[nodiscard]] constexpr bool Has(Scope scope) const { return (bits_ & Bit(scope)) != 0; }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  // "ingest,query".
  [[nodiscard]] std::string ToText() const {
    std::string out;
    for (const Scope scope : kScopes) {
      if (!Has(scope)) continue;
      if (!out.empty()) out += ',';
      out += ScopeName(scope);
    }
    return out;
  }
  friend bool operator==(const ScopeSet&, const ScopeSet&) = default;

 private:
  static constexpr uint8_t Bit(Scope scope) { return static_cast<uint8_t>(scope); }
  uint8_t bits_ = 0;
};

}  // namespace collector::access
