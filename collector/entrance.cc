#include "collector/entrance.h"

#include <utility>

#include "collector/part_options.h"
#include "shared/config/url.h"

namespace collector {
namespace {

constexpr std::string_view kAdvice =
    "make one: pgvigil-collector keys create --name NAME --scope ingest";

}  // namespace

Entrance::Entrance(const config::CollectorConfig& config, const shared::Clock& clock,
                   shared::metrics::Registry& registry)
    : loopback_first_(ServerConfigOf(config).loopback_first),
      wide_(shared::config::FormatListenAddress(config.http.listen)),
      table_(StoreOptionsOf(config).connect),
      quotas_(QuotaOptionsOf(config.quotas), clock, registry),
      gate_(KeyRuleOf(config.access.keys), MakeRing(config, clock, registry), clock, registry,
            &quotas_) {}

access::KeyRing* Entrance::MakeRing(const config::CollectorConfig& config,
                                    const shared::Clock& clock,
                                    shared::metrics::Registry& registry) {
  if (config.access.keys == config::Keys::kNone) return nullptr;
  return &ring_.emplace(table_, clock, registry, access::KeyRingOptions{}, [this] { OnLook(); });
}

void Entrance::Stop() {
  if (ring_) ring_->Stop();
}

shared::Result<void> Entrance::Ready() const {
  return ring_ ? ring_->Ready() : shared::Result<void>();
}

void Entrance::OpenWhenKeyed(http::Server& server) {
  if (!ring_) {
    shared::log::Warn("access.keys is none: whoever reaches {} may do everything", wide_);
    return;
  }
  if (loopback_first_) {
    shared::log::Info("listens on loopback only, on {} as soon as an API key is known", wide_);
  }
  server_ = &server;
}

// The server is set only once this is built, so that nothing here is used too early.
void Entrance::OnLook() {
  http::Server* const server = server_;
  if (server == nullptr) return;
  if (!ring_->HasKeys()) {
    if (std::exchange(said_, true)) return;
    shared::log::Warn("there is no API key: only this machine may ask, and needs none; {}",
                      kAdvice);
    return;
  }
  if (!loopback_first_ || opening_.exchange(true)) return;
  server->Widen([this](const shared::Result<void>& wide) {
    if (wide) {
      shared::log::Info("there is an API key: listens on {}", wide_);
      return;
    }
    if (error_limit_.Allow()) shared::log::Error("{}", wide.error().message);
    opening_ = false;  // the next look tries again
  });
}

}  // namespace collector
