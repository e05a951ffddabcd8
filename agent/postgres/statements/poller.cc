#include "agent/postgres/statements/poller.h"

#include <utility>

#include "agent/postgres/statements/round.h"

namespace agent::postgres::statements {

using pgvigil::v1::Capability;
using pgvigil::v1::PostgresInstance;
using pgvigil::v1::StatementInterval;
using shared::Error;
using shared::Result;
using shared::postgres::Connection;

namespace {

constexpr std::chrono::minutes kExtensionValidity(5);  // it may be updated under our hands
constexpr std::chrono::hours kEvictionMemory(1);

PostgresInstance Instance(const InstanceIdentity& identity) {
  PostgresInstance out;
  out.set_system_identifier(identity.system_identifier);
  out.set_name(identity.name);
  out.set_port(identity.port);
  out.set_server_version_num(static_cast<uint32_t>(identity.server_version));
  return out;
}

// What a message with texts takes in memory.
size_t CostBytes(const pgvigil::v1::StatementTexts& texts) {
  return texts.ByteSizeLong() +
         static_cast<size_t>(texts.texts_size()) * sizeof(pgvigil::v1::StatementText);
}

}  // namespace

Poller::Poller(const PollerConfig& config, const PollerOutlets& outlets)
    : config_(config),
      outlets_(outlets),
      names_(outlets.clock),
      texts_(config.text, outlets.clock) {}

Result<void> Poller::Poll(Connection& connection, const InstanceIdentity& identity) {
  ASSIGN_OR_RETURN(const bool usable, CheckExtension(connection));
  if (!usable) return {};
  const ServerId server{identity.system_identifier, identity.port};
  if (lineage_ == nullptr || server != server_) {
    lineage_ = outlets_.baselines.Get(server);
    server_ = server;
  }
  const PostgresInstance instance = Instance(identity);
  Result<Reading> read = ReadCounters(connection, *extension_);
  if (!read) {
    extension_.reset();  // it may be another by now: look again before the next reading
    return tl::make_unexpected(std::move(read).error().With("pg_stat_statements"));
  }
  const auto reading = std::make_shared<const Reading>(std::move(*read));
  RETURN_IF_ERROR(SendDeltas(connection, instance, reading));
  std::optional<Error> texts_error;
  if (Result<void> texts = SendTexts(connection, instance, *reading); !texts) {
    texts_error = std::move(texts).error().With("statement texts");
  }
  Report(texts_error);
  // The counters are safe; only what closed the connection concerns the target.
  if (texts_error && !connection.IsOpen()) return tl::make_unexpected(*std::move(texts_error));
  return {};
}

// False: it cannot be used, which was reported.
Result<bool> Poller::CheckExtension(Connection& connection) {
  const shared::MonotonicTime now = outlets_.clock.Monotonic();
  if (extension_ && extension_checked_on_ == connection.backend_pid() &&
      now < extension_valid_until_) {
    return true;
  }
  extension_.reset();
  ASSIGN_OR_RETURN(Extension extension, ReadExtension(connection));
  const Advice advice = Advise(extension);
  if (!advice.usable) {
    outlets_.capabilities.Set("pg_stat_statements:" + config_.target, Capability::STATE_FAILED,
                              advice.problem, advice.remedy);
    return false;
  }
  extension_ = std::move(extension);
  extension_checked_on_ = connection.backend_pid();
  extension_valid_until_ = now + kExtensionValidity;
  return true;
}

Result<void> Poller::SendDeltas(Connection& connection, const PostgresInstance& instance,
                                const std::shared_ptr<const Reading>& reading) {
  const std::shared_ptr<const Reading> from = lineage_->Head();
  if (from == nullptr) {
    if (Result<void> begun = lineage_->Begin(reading); !begun) {
      return tl::make_unexpected(std::move(begun).error().With("statement baseline"));
    }
    return {};
  }
  StatementInterval interval = MakeInterval(*from, *reading);
  *interval.mutable_instance() = instance;
  interval.set_entries_max(extension_->entries_max);
  RETURN_IF_ERROR(names_.AddTo(connection, interval));
  if (interval.evicted() > 0) last_eviction_ = outlets_.clock.Monotonic();
  // Refused: the next round starts where this one did.
  PushRound(*lineage_, from, reading, std::move(interval), outlets_.queue);
  return {};
}

Result<void> Poller::SendTexts(Connection& connection, const PostgresInstance& instance,
                               const Reading& reading) {
  if (!texts_.Due(reading)) return {};
  return texts_.Run(connection, extension_->schema, reading, instance,
                    [this](pgvigil::v1::StatementTexts& texts) {
                      const size_t cost = CostBytes(texts);
                      pipeline::Telemetry telemetry(pipeline::TextRound{std::move(texts)});
                      return outlets_.queue.TryPush(telemetry, cost);
                    });
}

void Poller::Report(const std::optional<Error>& texts_error) {
  Advice advice = Advise(*extension_);
  if (const std::optional<Error> error = lineage_->write_error()) {
    advice.problem = error->message;
    advice.remedy = "make the agent's state directory writable; nothing is lost meanwhile";
  } else if (advice.problem.empty() && texts_error) {
    advice.problem = texts_error->message;
  } else if (advice.problem.empty() && last_eviction_ &&
             outlets_.clock.Monotonic() - *last_eviction_ < kEvictionMemory) {
    advice.problem = fmt::format(
        "entries were evicted within the last hour, for there are more than {} "
        "statements; what those counted is lost",
        extension_->entries_max);
    advice.remedy =
        fmt::format("ALTER SYSTEM SET pg_stat_statements.max = {}; then restart PostgreSQL",
                    2 * uint64_t{extension_->entries_max});
  }
  outlets_.capabilities.Set(
      "pg_stat_statements:" + config_.target,
      advice.problem.empty() ? Capability::STATE_OK : Capability::STATE_DEGRADED, advice.problem,
      advice.remedy);
}

}  // namespace agent::postgres::statements
