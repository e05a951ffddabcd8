#include "collector/keys_command.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <utility>

#include "collector/part_options.h"
#include "collector/storage/key_table.h"
#include "shared/base/exit_code.h"
#include "shared/text/json_writer.h"
#include "shared/text/time_text.h"
#include "shared/text/utf8.h"

namespace collector {
namespace {

using access::KeyRecord;
using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::text::FormatTime;

constexpr size_t kLongestName = 200;

int Failed(const shared::Error& error) {
  fmt::print(stderr, "{}\n", error.message);
  switch (error.code) {
    case ErrorCode::kInvalidInput:
    case ErrorCode::kMalformed:
      return shared::kExitUsage;
    case ErrorCode::kPermissionDenied:
      return shared::kExitPermission;
    default:
      return shared::kExitUnavailable;
  }
}

// "root@db7": for the audit log.
std::string Actor() {
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) host[0] = '?';
  const passwd* const user = getpwuid(geteuid());
  return fmt::format("{}@{}", user == nullptr ? std::to_string(geteuid()) : user->pw_name,
                     host.data());
}

Result<std::optional<shared::WallTime>> ParseExpiry(const std::string& text, shared::WallTime now) {
  if (text.empty()) return std::nullopt;
  if (const auto duration = shared::text::ParseDuration(text)) return now + *duration;
  const auto time = shared::text::ParseTime(text, now);
  if (!time) {
    return Fail(ErrorCode::kInvalidInput,
                "--expires '{}': expected a duration like 90d or a time like 2027-01-31T00:00:00Z",
                text);
  }
  if (*time <= now) return Fail(ErrorCode::kInvalidInput, "--expires {}: is over", text);
  return *time;
}

Result<storage::KeyOrder> OrderOf(const KeysRequest& request, shared::WallTime now) {
  storage::KeyOrder order;
  if (request.name.empty() || request.name.size() > kLongestName ||
      !shared::text::IsCleanUtf8(request.name)) {
    return Fail(ErrorCode::kInvalidInput, "--name: expected 1 to {} bytes of text", kLongestName);
  }
  order.name = request.name;
  order.tenant = request.tenant;
  for (const std::string& name : request.scopes) {
    const auto scope = access::ParseScope(name);
    if (!scope) {
      return Fail(ErrorCode::kInvalidInput, "--scope '{}': expected ingest, query or admin", name);
    }
    order.scopes.Add(*scope);
  }
  for (const std::string& one : request.networks) {
    Result<access::Network> network = access::ParseNetwork(one);
    if (!network) return tl::make_unexpected(std::move(network).error().With("--cidr"));
    order.networks.push_back(*network);
  }
  ASSIGN_OR_RETURN(order.expires_at, ParseExpiry(request.expires, now));
  order.actor = Actor();
  return order;
}

std::string_view StateOf(const KeyRecord& key, shared::WallTime now) {
  if (key.revoked_at) return "revoked";
  if (key.expires_at && *key.expires_at <= now) return "expired";
  return "active";
}

std::string LineOf(const KeyRecord& key, shared::WallTime now) {
  const auto when = [](const std::optional<shared::WallTime>& time) {
    return time ? FormatTime(*time) : std::string("never");
  };
  return fmt::format("{} {} tenant {} scopes {} from {} created {} expires {} last used {} name {}",
                     key.id, StateOf(key, now), key.tenant_name, key.scopes.ToText(),
                     key.networks.empty() ? "anywhere" : FormatNetworks(key.networks),
                     FormatTime(key.created_at), when(key.expires_at), when(key.last_used_at),
                     key.name);
}

std::string DocumentOf(const KeyRecord& key, shared::WallTime now) {
  shared::text::JsonWriter writer;
  const auto time = [&](std::string_view name, const std::optional<shared::WallTime>& value) {
    writer.Key(name);
    if (value) {
      writer.String(FormatTime(*value));
    } else {
      writer.Null();
    }
  };
  writer.BeginObject();
  writer.Key("id").String(key.id).Key("name").String(key.name);
  writer.Key("state").String(StateOf(key, now)).Key("tenant").String(key.tenant_name);
  writer.Key("scopes").BeginArray();
  for (const access::Scope scope : access::kScopes) {
    if (key.scopes.Has(scope)) writer.String(access::ScopeName(scope));
  }
  writer.EndArray().Key("networks").BeginArray();
  for (const access::Network& network : key.networks) writer.String(FormatNetwork(network));
  writer.EndArray();
  time("created_at", key.created_at);
  time("expires_at", key.expires_at);
  time("revoked_at", key.revoked_at);
  time("last_used_at", key.last_used_at);
  writer.EndObject();
  return writer.Take();
}

}  // namespace

int CreateKey(const config::CollectorConfig& config, const KeysRequest& request) {
  const Result<storage::KeyOrder> order = OrderOf(request, shared::SystemClock().Now());
  if (!order) return Failed(order.error());
  const Result<access::NewKey> key = access::MakeKey();
  if (!key) return Failed(key.error());
  storage::KeyTable table(StoreOptionsOf(config).connect);
  const Result<bool> new_tenant = table.Create(*key, *order);
  if (!new_tenant) return Failed(new_tenant.error());
  fmt::print("{}\n", key->text.Reveal());
  fmt::print(stderr, "{}key {} of tenant {}, scopes {}: keep it, it is not shown again\n",
             *new_tenant ? fmt::format("tenant {} is new; ", order->tenant) : "", key->id,
             order->tenant, order->scopes.ToText());
  return shared::kExitOk;
}

int ListKeys(const config::CollectorConfig& config, const KeysRequest& request) {
  storage::KeyTable table(StoreOptionsOf(config).connect);
  const Result<std::optional<access::KeyList>> list = table.Read(std::nullopt);
  if (!list) return Failed(list.error());
  const shared::WallTime now = shared::SystemClock().Now();
  size_t hidden = 0;
  for (const KeyRecord& key : (*list)->keys) {
    if (!request.all && StateOf(key, now) != "active") {
      hidden += 1;
      continue;
    }
    fmt::print("{}\n", request.json ? DocumentOf(key, now) : LineOf(key, now));
  }
  fmt::print(stderr, "{} keys{}\n", (*list)->keys.size() - hidden,
             hidden > 0 ? fmt::format(", {} revoked or expired (--all)", hidden) : "");
  return shared::kExitOk;
}

int RevokeKey(const config::CollectorConfig& config, const KeysRequest& request) {
  constexpr std::string_view kPrefix = "pgv_";
  std::string id = request.id;
  if (id.starts_with(kPrefix)) id = id.substr(kPrefix.size(), access::kKeyIdSize);
  if (!access::IsKeyId(id)) {
    return Failed({ErrorCode::kInvalidInput,
                   fmt::format("expected the id of a key: {} characters of 0-9 and a-z",
                               access::kKeyIdSize)});
  }
  storage::KeyTable table(StoreOptionsOf(config).connect);
  const Result<bool> revoked = table.Revoke(id, Actor());
  if (!revoked) return Failed(revoked.error());
  fmt::print("key {} {}\n", id, *revoked ? "is revoked" : "was revoked before");
  return shared::kExitOk;
}

}  // namespace collector
