#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "shared/config/reader.h"

// Two files, cut at the first NUL, read by every kind of reader: no bytes may crash it, and
// whatever cannot be parsed is a problem that can be printed.
namespace {

using namespace std::chrono_literals;
using shared::config::Loading;
using shared::config::Reader;

void ReadAll(Reader reader, int depth) {
  constexpr std::string_view kWords[] = {"one", "two"};
  std::string text;
  std::vector<std::string> list;
  std::map<std::string, std::string> map;
  bool flag = false;
  int number = 0;
  std::chrono::milliseconds wait{};
  uint64_t size = 0;
  shared::Secret secret;
  shared::config::ListenAddress address;
  reader.String("s", text);
  reader.Strings("l", list);
  reader.StringMap("m", map);
  reader.Bool("b", flag);
  reader.Choice("c", text, kWords);
  reader.Secret("p", secret);
  reader.HttpUrl("u", text, {.schemes = kWords, .required = true, .refuse_placeholder = true});
  reader.Listen("a", address, true);
  reader.Integer("i", number, {.min = -10, .max = 10});
  reader.Duration("d", wait, {.min = 1ms, .max = 1h});
  reader.Bytes("z", size, {.min = 1, .max = 1 << 20});
  if (depth < 3) {
    ReadAll(reader.Section("t"), depth + 1);
    for (Reader& element : reader.Sections("e")) ReadAll(element, depth + 1);
  }
  reader.RejectUnknownKeys();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(bytes), size);
  const size_t cut = input.find('\0');
  std::vector<shared::config::SourceFile> files;
  files.push_back({"a.toml", std::string(input.substr(0, cut))});
  if (cut != std::string_view::npos) {
    files.push_back({"b.toml", std::string(input.substr(cut + 1))});
  }
  Loading loading(files, {{"X", "x"}});
  ReadAll(Reader(loading), 0);
  if (!loading.complete() && loading.problems.empty()) std::abort();
  const bool printed = !loading.problems.ToJson().empty() && !loading.settings.ToJson().empty() &&
                       loading.problems.ToText().empty() == loading.problems.empty();
  if (!printed || loading.settings.ToText().empty()) std::abort();
  return 0;
}
