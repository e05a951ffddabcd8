#pragma once

#include <string>
#include <string_view>
#include <vector>

// Which way folders may look, as the #include lines show it.
namespace tests {

// What is wrong with the #include lines of one file, each "agent/x.cc:3: …". `path` is relative to
// the root of the source tree.
//   - agent/ and collector/ never include each other, nor does shared/ include either
//   - within shared/ a folder looks only leftwards in the row base, text, concurrency, log,
//   metrics,
//     model, config, wire, http, postgres; the generated wire formats are for wire/ and what is
//     right of it
//   - a C or C++ library is known in one folder (the table in include_directions.cc)
//   - agent/{host,logs,postgres} know neither agent/spool nor agent/ship; collector/{api,ingest} do
//   not
//     know collector/storage
std::vector<std::string> CheckIncludes(std::string_view path, std::string_view text);

// The same for all .h and .cc files below `root`'s agent/, collector/ and shared/, in order of
// paths. `files` is how many were read.
std::vector<std::string> CheckTree(const std::string& root, size_t& files);

}  // namespace tests
