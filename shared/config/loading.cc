#include "shared/config/loading.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "shared/base/file.h"
#include "shared/config/parse_toml.h"

namespace shared::config {
namespace {

constexpr size_t kFileLimit = 1 << 20;

SourceFile ReadSource(const std::string& path) {
  return SourceFile{path, ReadFile(path, kFileLimit)};
}

std::string Join(const std::string& path, const std::string& key) {
  return path.empty() ? key : path + "." + key;
}

std::string Spell(const Place& place, const Problems& problems) {
  return fmt::format("{}:{}:{}", problems.SourcePath(place.source), place.line, place.column);
}

// Moves `from`'s children into `into`; `path` is their table's.
void Merge(Node& into, Node from, const std::string& path, Problems& problems) {
  for (Node& child : from.children) {
    Node* present = into.Find(child.key);
    if (present == nullptr) {
      into.children.push_back(std::move(child));
    } else if (present->kind == Node::Kind::kTable && child.kind == Node::Kind::kTable) {
      Merge(*present, std::move(child), Join(path, child.key), problems);
    } else if (present->IsArrayOfTables() && child.IsArrayOfTables()) {
      for (Node& element : child.children) present->children.push_back(std::move(element));
    } else if (present->IsArrayOfTables() && child.kind == Node::Kind::kTable) {
      problems.Add(child.key_place, Join(path, child.key),
                   "this is a list of sections, as in " + Spell(present->key_place, problems),
                   fmt::format("write [[{}]], with two brackets", Join(path, child.key)));
    } else {
      problems.Add(child.key_place, Join(path, child.key),
                   "already set in " + Spell(present->key_place, problems), "keep one of the two");
    }
  }
}

}  // namespace

std::vector<SourceFile> ReadSourceFiles(const std::string& path) {
  namespace fs = std::filesystem;
  std::vector<SourceFile> out;
  out.push_back(ReadSource(path));
  const fs::path directory = fs::path(path).parent_path() / "conf.d";
  std::error_code error;
  std::vector<std::string> names;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with('.') && name.ends_with(".toml")) names.push_back(name);
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    out.push_back(
        SourceFile{directory.string(), FailErrno(error.value(), "open " + directory.string())});
  }
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) out.push_back(ReadSource((directory / name).string()));
  return out;
}

Loading::Loading(const std::vector<SourceFile>& files, Environment environment)
    : environment_(std::move(environment)) {
  for (const SourceFile& file : files) {
    const size_t source = problems.AddSource(file.path, file.text.value_or(""));
    if (!file.text) {
      problems.Add(Place{source, 0, 0, 1}, "", file.text.error().message);
      complete_ = false;
      continue;
    }
    ParsedToml parsed = ParseToml(*file.text, source, problems);
    complete_ = complete_ && parsed.complete;
    Merge(root_, std::move(parsed.root), "", problems);
  }
  if (files.empty()) problems.AddSource("configuration", "");
}

std::string Loading::Origin(const Place& place) const {
  return fmt::format("{}:{}", problems.SourcePath(place.source), place.line);
}

}  // namespace shared::config
