#pragma once

#include <string>
#include <vector>

#include "shared/base/result.h"
#include "shared/config/environment.h"
#include "shared/config/node.h"
#include "shared/config/problems.h"
#include "shared/config/settings.h"

namespace shared::config {

// One configuration file.
struct SourceFile {
  std::string path;
  Result<std::string> text;
};

// Reads the main file and `conf.d/*.toml` beside it, in the order of their names; other names and
// hidden files are skipped. At most 1 MiB each.
std::vector<SourceFile> ReadSourceFiles(const std::string& path);

// What one attempt to load a configuration works on: the merged tree, the environment, and what
// comes out of it beside the values. Readers hold a reference to it. One thread.
class Loading {
 public:
  // Merges the files: tables are united, the elements of [[tables]] are appended, a value that
  // stands in two files is a problem that names both places.
  Loading(const std::vector<SourceFile>& files, Environment environment);
  Loading(const Loading&) = delete;
  Loading& operator=(const Loading&) = delete;

  [[nodiscard]] const Node& root() const { return root_; }
  [[nodiscard]] const Environment& environment() const { return environment_; }
  // False: a file is missing or has syntax errors, so that an absent key may stand there.
  [[nodiscard]] bool complete() const { return complete_; }
  // "/etc/pgvigil-agent/agent.toml:12"
  [[nodiscard]] std::string Origin(const Place& place) const;

  Problems problems;
  Settings settings;

 private:
  Node root_;
  Environment environment_;
  bool complete_ = true;
};

// A configuration, or what is wrong with it. `config` is of use only when ok().
template <typename T>
struct Loaded {
  T config;
  Problems problems;
  Settings settings;
  [[nodiscard]] bool ok() const { return problems.empty(); }
};

}  // namespace shared::config
