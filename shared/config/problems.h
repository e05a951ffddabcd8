#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shared/config/node.h"

namespace shared::config {

// One thing that is wrong with the configuration.
struct Problem {
  std::string file;
  uint32_t line = 0;  // 0: the file as a whole
  uint32_t column = 0;
  std::string key;          // dotted: "host.interval"; "" when no key is meant
  std::string message;      // what is wrong and what was expected
  std::string fix;          // what to type instead; may be ""
  std::string source_line;  // secrets masked, no control characters
  uint32_t width = 1;       // characters to underline from `column`
};

// All problems of one loading, and the texts that they point into.
class Problems {
 public:
  // Makes a file known; its index goes into Place::source.
  size_t AddSource(std::string path, std::string text);
  [[nodiscard]] const std::string& SourcePath(size_t source) const { return sources_[source].path; }

  void Add(const Place& place, std::string_view key, std::string_view message,
           std::string_view fix = {});

  [[nodiscard]] bool empty() const { return problems_.empty(); }
  // In the order of files, lines and columns.
  [[nodiscard]] std::vector<Problem> Sorted() const;

  // For people; each problem as
  //   /etc/pgvigil-agent/agent.toml:7:12: host.interval: "10" has no unit
  //       7 | interval = "10"
  //         |            ^~~~
  //         = write a number and a unit: "10s", "1m30s" or "500ms"
  [[nodiscard]] std::string ToText() const;
  // For programs: [{"file":…,"line":7,"column":12,"key":…,"message":…,"fix":…},…]
  [[nodiscard]] std::string ToJson() const;

 private:
  struct Source {
    std::string path;
    std::string text;
  };
  struct Entry {
    size_t source;
    Problem problem;
  };
  std::vector<Source> sources_;
  std::vector<Entry> problems_;
};

// A line of a configuration file as it may be shown: what a key that sounds like a secret
// ("password", "api_key") is set to and the user part of a URL become ***, control characters and
// invalid UTF-8 are replaced. Exposed for tests.
std::string MaskLine(std::string_view line);

}  // namespace shared::config
