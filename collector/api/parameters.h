#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "collector/api/telemetry_reader.h"
#include "collector/http/server.h"
#include "shared/base/clock.h"
#include "shared/base/result.h"

namespace collector::api {

// Reads the parameters of a request, keeps every fault, and says them all at once:
//   parameter 'limit': '0': expected a number from 1 to 1000; parameter 'hots': unknown; did you
//   mean 'host'? allowed: host, limit
// Used by one thread; the request must outlive it.
class Parameters {
 public:
  Parameters(const http::Request& request, shared::WallTime now) : request_(request), now_(now) {}

  [[nodiscard]] bool Has(std::string_view name) const {
    return request_.QueryParameter(name) != nullptr;
  }
  // Each returns the default when the parameter is absent, and when it is faulty (see Check).
  std::optional<std::string> Text(std::string_view name);
  std::string RequiredText(std::string_view name);
  uint64_t Integer(std::string_view name, uint64_t fallback, uint64_t least, uint64_t most);
  std::optional<int64_t> SignedInteger(std::string_view name);
  bool Flag(std::string_view name, bool fallback);
  // One of `allowed`; the first is the default.
  std::string OneOf(std::string_view name, std::span<const std::string_view> allowed);
  std::chrono::milliseconds Duration(std::string_view name, std::chrono::milliseconds fallback,
                                     std::chrono::milliseconds least,
                                     std::chrono::milliseconds most);
  std::optional<shared::WallTime> Time(std::string_view name);
  // `from` and `to`: by default the last `window`; from must be before to.
  TimeRange Range(std::chrono::milliseconds window);
  // All parameters of the form label.<name>=<value>, sorted by name.
  shared::model::Labels LabelMatchers();

  // "parameter 'step' is required with 'aggregate'".
  void Require(std::string_view name, std::string_view with);
  // "parameter 'limit': 'x': expected " and what was.
  void AddFault(std::string_view name, std::string_view value, std::string_view expected);
  // kInvalidInput with all faults, those of unknown and repeated parameters included. Call last.
  shared::Result<void> Check();

 private:
  const std::string* Find(std::string_view name);

  const http::Request& request_;
  const shared::WallTime now_;
  std::vector<std::string> known_;
  bool label_matchers_ = false;
  std::vector<std::string> faults_;
};

}  // namespace collector::api
