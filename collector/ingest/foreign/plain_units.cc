#include "collector/ingest/foreign/plain_units.h"

namespace collector::ingest::foreign {
namespace {

struct Row {
  std::string_view written;  // lower-case
  std::string_view name;
  double factor;
};

constexpr Row kTable[] = {
    {"s", "s", 1},
    {"sec", "s", 1},
    {"secs", "s", 1},
    {"second", "s", 1},
    {"seconds", "s", 1},
    {"ms", "s", 1e-3},
    {"msec", "s", 1e-3},
    {"millisecond", "s", 1e-3},
    {"milliseconds", "s", 1e-3},
    {"us", "s", 1e-6},
    {"\xc2\xb5s", "s", 1e-6},  // U+00B5, the micro sign
    {"\xce\xbcs", "s", 1e-6},  // U+03BC, the Greek letter
    {"usec", "s", 1e-6},
    {"microsecond", "s", 1e-6},
    {"microseconds", "s", 1e-6},
    {"ns", "s", 1e-9},
    {"nanosecond", "s", 1e-9},
    {"nanoseconds", "s", 1e-9},
    {"min", "s", 60},
    {"minute", "s", 60},
    {"minutes", "s", 60},
    {"h", "s", 3600},
    {"hour", "s", 3600},
    {"hours", "s", 3600},
    {"d", "s", 86'400},
    {"day", "s", 86'400},
    {"days", "s", 86'400},
    {"b", "By", 1},
    {"by", "By", 1},
    {"byte", "By", 1},
    {"bytes", "By", 1},
    {"kb", "By", 1e3},
    {"kby", "By", 1e3},
    {"mb", "By", 1e6},
    {"mby", "By", 1e6},
    {"gb", "By", 1e9},
    {"gby", "By", 1e9},
    {"tb", "By", 1e12},
    {"kib", "By", 1024.0},
    {"kiby", "By", 1024.0},
    {"mib", "By", 1048576.0},
    {"miby", "By", 1048576.0},
    {"gib", "By", 1073741824.0},
    {"giby", "By", 1073741824.0},
    {"tib", "By", 1099511627776.0},
    {"1", "1", 1},
    {"ratio", "1", 1},
    {"%", "1", 1e-2},
    {"percent", "1", 1e-2},
    {"bits", "bit", 1},
    {"hertz", "Hz", 1},
    {"celsius", "Cel", 1},
    {"\xc2\xb0"
     "c",
     "Cel", 1},
    {"count", "1", 1},
};

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& byte : out) {
    if (byte >= 'A' && byte <= 'Z') byte = static_cast<char>(byte - 'A' + 'a');
  }
  return out;
}

}  // namespace

PlainUnit ToBaseUnit(std::string_view unit) {
  std::string_view base = unit;
  bool per_second = false;
  for (const std::string_view suffix : {"/s", "/sec"}) {
    if (base.size() <= suffix.size() || !base.ends_with(suffix)) continue;
    base.remove_suffix(suffix.size());
    per_second = true;
    break;
  }
  const std::string written = Lower(base);
  for (const Row& row : kTable) {
    if (row.written != written) continue;
    return {std::string(row.name) + (per_second ? "/s" : ""), row.factor};
  }
  return {std::string(unit), 1};
}

}  // namespace collector::ingest::foreign
