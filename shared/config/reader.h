#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/base/secret.h"
#include "shared/config/loading.h"
#include "shared/config/node.h"
#include "shared/config/url.h"

namespace shared::config {

template <typename T>
struct Bounds {
  T min = std::numeric_limits<T>::lowest();
  T max = std::numeric_limits<T>::max();
};

struct DurationBounds {
  std::chrono::nanoseconds min{0};
  std::chrono::nanoseconds max = std::chrono::nanoseconds::max();
};

struct StringRule {
  bool allow_empty = false;
  bool absolute_path = false;  // must begin with '/'
};

struct UrlRule {
  std::span<const std::string_view> schemes;  // allowed ones
  bool allow_user = false;
  bool required = false;
  bool refuse_placeholder = false;  // the example file's host, *.example.com and the like
};

// Reads the keys of one table by type. Each call leaves its `out`, which holds the default, as it
// is when the key is absent or wrong; what is wrong goes to the loading's problems, and the
// effective value with its origin to its settings. Strings are expanded first (expand.h); a string
// with a reference may also stand for a number or a boolean: port = "${env:PGPORT}". One thread;
// the Loading must outlive it.
//
//   Reader root(loading);
//   Reader host = root.Section("host");
//   host.Duration("interval", out.interval, {.min = 1s, .max = 1h});
//   host.RejectUnknownKeys();
class Reader {
 public:
  explicit Reader(Loading& loading);

  void String(std::string_view key, std::string& out, const StringRule& rule = {});
  void Strings(std::string_view key, std::vector<std::string>& out);
  // A table of free keys with string values.
  void StringMap(std::string_view key, std::map<std::string, std::string>& out);
  void Bool(std::string_view key, bool& out);
  // One of a few strings.
  void Choice(std::string_view key, std::string& out, std::span<const std::string_view> allowed);
  // A string, or the content of the file that `<key>_file` names (see ReadSecretFile); not both.
  // Control characters are refused.
  void Secret(std::string_view key, shared::Secret& out);
  void HttpUrl(std::string_view key, std::string& out, const UrlRule& rule);  // loses a last '/'
  void Listen(std::string_view key, ListenAddress& out, bool loopback_only);

  template <std::integral T>
  void Integer(std::string_view key, T& out, Bounds<T> bounds = {}) {
    constexpr auto kMost = std::numeric_limits<int64_t>::max();
    const int64_t most =
        std::cmp_greater(bounds.max, kMost) ? kMost : static_cast<int64_t>(bounds.max);
    out = static_cast<T>(
        ReadInteger(key, static_cast<int64_t>(out), {static_cast<int64_t>(bounds.min), most}));
  }
  // "10s", "1m30s", "500ms": the unit is mandatory.
  template <typename Rep, typename Period>
  void Duration(std::string_view key, std::chrono::duration<Rep, Period>& out,
                DurationBounds bounds) {
    using Out = std::chrono::duration<Rep, Period>;
    const std::chrono::nanoseconds unit =
        std::chrono::duration_cast<std::chrono::nanoseconds>(Out(1));
    out = std::chrono::duration_cast<Out>(ReadDuration(key, out, bounds, unit));
  }
  // "64MiB": the unit is mandatory.
  template <std::unsigned_integral T>
  void Bytes(std::string_view key, T& out, Bounds<uint64_t> bounds = {}) {
    out = static_cast<T>(ReadBytes(key, out, bounds));
  }
  // An enum by its names.
  template <typename E>
  void Enum(std::string_view key, E& out, std::span<const std::pair<std::string_view, E>> names) {
    std::vector<std::string_view> allowed;
    std::string name;
    for (const auto& [text, value] : names) {
      allowed.push_back(text);
      if (value == out) name = text;
    }
    Choice(key, name, allowed);
    for (const auto& [text, value] : names) {
      if (text == name) out = value;
    }
  }

  // The table [key] below this one; an empty reader with the same defaults when it is absent.
  Reader Section(std::string_view key);
  // One reader for each [[key]]. When the key is absent: one empty reader, so that all defaults
  // make one element. `key = []` gives none.
  std::vector<Reader> Sections(std::string_view key);

  [[nodiscard]] bool Has(std::string_view key) const;
  // Of the value; of an absent key: the section's header, or the file.
  [[nodiscard]] Place Where(std::string_view key) const;
  // A problem of `key`'s value that is seen only after reading, such as two values that contradict.
  void AddProblem(std::string_view key, std::string_view message, std::string_view fix = {});

  // Call when all keys were read: those that nobody asked for are problems, with the nearest known.
  void RejectUnknownKeys();

 private:
  Reader(Loading& loading, const Node* table, std::string path, Place where);

  // Registers the key as known; null when it is absent.
  const Node* Take(std::string_view key);
  [[nodiscard]] std::string Path(std::string_view key) const;
  void Mismatch(const Node& node, std::string_view expected, std::string_view example);
  void Record(std::string_view key, const Node* node, std::string value,
              const std::vector<std::string>& origins = {});

  struct Text {
    std::string value;
    std::vector<std::string> origins;
    bool hidden = false;  // came from a file or a credential
    bool ok = false;
    [[nodiscard]] std::string Shown() const;  // for a message
  };
  Text ExpandNode(const Node& node, bool for_secret);
  bool ReadSecretNode(std::string_view key, const Node& node, shared::Secret& out);
  bool ReadSecretTwin(std::string_view key, const Node& node, shared::Secret& out);
  bool AcceptSecret(const Node& node, std::string value, shared::Secret& out);
  int64_t ReadInteger(std::string_view key, int64_t fallback, Bounds<int64_t> bounds);
  std::chrono::nanoseconds ReadDuration(std::string_view key, std::chrono::nanoseconds fallback,
                                        DurationBounds bounds, std::chrono::nanoseconds unit);
  uint64_t ReadBytes(std::string_view key, uint64_t fallback, Bounds<uint64_t> bounds);

  Loading& loading_;
  const Node* table_;  // null: absent
  std::string path_;
  Place where_;
  std::vector<std::string> known_;
};

}  // namespace shared::config
