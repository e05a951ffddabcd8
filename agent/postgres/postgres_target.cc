#include "agent/postgres/postgres_target.h"

#include <algorithm>
#include <functional>

#include "agent/postgres/diagnosis.h"
#include "shared/concurrency/thread_name.h"

namespace agent::postgres {
namespace {

using pgvigil::v1::Capability;
using pipeline::Metric;
using pipeline::MetricRound;
using shared::Error;
using shared::Result;
using shared::WallTime;
using shared::postgres::Rows;
using shared::postgres::Statement;

constexpr Metric kUp{"postgresql.up", "1", shared::model::MetricKind::kGauge};

// Rounds of one kind, at start + n × interval; those that passed while the thread was busy are left
// out.
class Schedule {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  explicit Schedule(TimePoint first) : next_(first) {}
  [[nodiscard]] TimePoint next() const { return next_; }
  // Whether a round is due; then moves on to the first one after `now`.
  bool Take(TimePoint now, std::chrono::milliseconds interval) {
    if (now < next_) return false;
    interval = std::max(interval, std::chrono::milliseconds(1));
    next_ += ((now - next_) / interval + 1) * interval;
    return true;
  }

 private:
  TimePoint next_;
};

// Views of which this server has something to tell; their statements go to the end of `statements`.
std::vector<const View*> Ask(std::span<const View* const> views, const InstanceIdentity& identity,
                             std::vector<Statement>& statements) {
  std::vector<const View*> asked;
  for (const View* const view : views) {
    const std::string_view sql = view->sql(identity);
    if (sql.empty()) continue;
    asked.push_back(view);
    statements.push_back({std::string(sql), {}});
  }
  return asked;
}

InstanceIdentity UnknownIdentity(const SessionOptions& options) {
  InstanceIdentity out;
  out.name = options.target;
  out.port = options.port;
  return out;
}

}  // namespace

PostgresTarget::PostgresTarget(PostgresTargetOptions options, PostgresTargetOutputs outputs)
    : options_(std::move(options)),
      outputs_(std::move(outputs)),
      identity_(UnknownIdentity(options_.session)),
      backoff_(options_.reconnect, std::hash<std::string>{}(options_.session.target)),
      frame_(CommonLabels(identity_)),
      sizes_frame_(CommonLabels(identity_)),
      away_frame_(CommonLabels(identity_)),
      thread_([this](const std::stop_token& stop) { Run(stop); }) {}

PostgresTarget::~PostgresTarget() {
  RequestStop();
  Join();
}

void PostgresTarget::Join() {
  if (thread_.joinable()) thread_.join();
}

void PostgresTarget::Run(const std::stop_token& stop) {
  shared::SetThreadName(("pg:" + options_.session.target).c_str());
  const TimePoint start = std::chrono::steady_clock::now();
  Schedule fast(start);
  Schedule sizes(start);
  Schedule facts(start + options_.facts_interval);  // connecting reads them
  Schedule statements(start);
  while (true) {
    TimePoint next = std::min(fast.next(), sizes.next());
    if (outputs_.statements != nullptr) next = std::min(next, statements.next());
    if (!WaitUntil(stop, next)) return;
    const TimePoint now = std::chrono::steady_clock::now();
    const bool fast_due = fast.Take(now, options_.interval);
    if (!session_ && now >= next_connect_) Connect(now);
    if (session_) {
      // Taken only with a session: what became due while the server was away is done at once.
      const bool sizes_due = sizes.Take(now, options_.sizes_interval);
      const bool facts_due = facts.Take(now, options_.facts_interval);
      if (fast_due || sizes_due) Collect(sizes_due, facts_due);
    } else {
      sizes = Schedule(std::max(fast.next(), sizes.next()));
    }
    const bool poll =
        outputs_.statements != nullptr && statements.Take(now, outputs_.statements->interval());
    if (poll && session_ && !stop.stop_requested()) PollStatements();
    if (!session_ && fast_due) ReportAway();
  }
}

bool PostgresTarget::WaitUntil(const std::stop_token& stop, TimePoint time) {
  std::unique_lock lock(wait_mutex_);
  wait_.wait_until(lock, stop, time, [] { return false; });
  return !stop.stop_requested();
}

void PostgresTarget::Connect(TimePoint now) {
  Result<Session> session = OpenSession(options_.session);
  if (!session) {
    next_connect_ = now + backoff_.Next();
    SetCapability(DiagnoseFailure(options_.session, session.error()));
    if (log_limit_.Allow()) {
      shared::log::Warn("postgres target {}: {}", options_.session.target, session.error().message);
    }
    return;
  }
  backoff_.Reset();
  session_ = std::move(*session);
  shared::log::Info("postgres target {}: connected to PostgreSQL {}, system {}",
                    options_.session.target, session_->facts.identity.version,
                    session_->facts.identity.system_identifier);
  ReportFacts();
}

void PostgresTarget::Disconnect(const Error& error) {
  session_.reset();
  next_connect_ = std::chrono::steady_clock::now() + backoff_.Next();
  SetCapability(DiagnoseFailure(options_.session, error));
  shared::log::Warn("postgres target {}: session lost: {}", options_.session.target, error.message);
}

void PostgresTarget::ReportFacts() {
  const SessionFacts& facts = session_->facts;
  if (CommonLabels(facts.identity) != CommonLabels(identity_)) {
    for (pipeline::FrameBuilder* const frame : {&frame_, &sizes_frame_, &away_frame_}) {
      frame->SetCommonLabels(CommonLabels(facts.identity));
    }
  }
  identity_ = facts.identity;
  SetCapability(DiagnoseSession(options_.session, facts));
  if (reported_log_ != facts.log) {
    reported_log_ = facts.log;
    if (outputs_.log_settings) outputs_.log_settings(identity_, facts.log);
  }
}

void PostgresTarget::Collect(bool sizes_due, bool facts_due) {
  const WallTime time = outputs_.clock.Now();
  std::vector<Statement> statements;
  const std::vector<const View*> fast = Ask(FastViews(), identity_, statements);
  std::vector<const View*> slow;
  if (sizes_due) slow = Ask(SlowViews(), identity_, statements);
  if (facts_due) {
    for (Statement& statement : FactStatements()) statements.push_back(std::move(statement));
  }
  const Result<std::vector<Result<Rows>>> answers = session_->connection.Pipeline(statements);
  if (!answers) {
    Disconnect(answers.error());
    return;
  }
  const std::span<const Result<Rows>> all(*answers);
  view_failure_.reset();
  frame_.Begin();
  frame_.Add(kUp, {}, 1);
  TakeRound(fast, all.first(fast.size()), time, frame_);
  if (sizes_due) {
    sizes_frame_.Begin();
    TakeRound(slow, all.subspan(fast.size(), slow.size()), time, sizes_frame_);
  }
  if (facts_due) TakeFacts(all.last(FactStatements().size()));
  SetCapability(view_failure_ ? DiagnoseView(options_.session, failed_view_, *view_failure_)
                              : DiagnoseSession(options_.session, session_->facts));
}

void PostgresTarget::TakeRound(std::span<const View* const> views,
                               std::span<const Result<Rows>> answers, WallTime time,
                               pipeline::FrameBuilder& frame) {
  for (size_t i = 0; i < views.size(); ++i) {
    if (answers[i]) {
      views[i]->add(QueryTable(*answers[i]), frame);
      continue;
    }
    if (view_failure_) continue;
    view_failure_ = answers[i].error();
    failed_view_ = views[i]->name;
  }
  Push(frame.End(), time);
}

void PostgresTarget::TakeFacts(std::span<const Result<Rows>> answers) {
  if (!answers[0] || !answers[1]) return;  // a timeout perhaps; the old ones hold until the next
  const QueryTable facts(*answers[0]);
  const QueryTable settings(*answers[1]);
  std::optional<QueryTable> current_log;
  if (answers[2]) current_log.emplace(*answers[2]);
  Result<SessionFacts> parsed =
      ParseFacts(options_.session.target, facts, settings, current_log ? &*current_log : nullptr);
  if (!parsed) return;
  session_->facts = std::move(*parsed);
  ReportFacts();
}

void PostgresTarget::PollStatements() {
  const Result<void> done = outputs_.statements->Poll(session_->connection, identity_);
  if (done) return;
  outputs_.capabilities.Set("pg_stat_statements:" + options_.session.target,
                            Capability::STATE_FAILED, done.error().message);
  if (!session_->connection.IsOpen()) Disconnect(done.error());
}

void PostgresTarget::ReportAway() {
  away_frame_.Begin();
  away_frame_.Add(kUp, {}, 0);
  Push(away_frame_.End(), outputs_.clock.Now());
}

void PostgresTarget::Push(const pipeline::FrameBuilder::Round& round, WallTime time) {
  if (round.values.empty()) return;
  const size_t samples = round.values.size();
  const size_t cost = sizeof(MetricRound) + samples * sizeof(double);
  pipeline::Telemetry item = MetricRound{
      round.layout, time, std::vector<double>(round.values.begin(), round.values.end())};
  if (outputs_.queue.TryPush(item, cost)) return;
  outputs_.drops.Add(pgvigil::v1::STREAM_METRICS, "queue_full", samples, cost);
}

void PostgresTarget::SetCapability(const Capability& capability) {
  outputs_.capabilities.Set(capability.name(), capability.state(), capability.detail(),
                            capability.remedy());
}

}  // namespace agent::postgres
