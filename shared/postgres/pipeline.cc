#include "shared/postgres/kept.h"
#include "shared/postgres/session.h"

// Connection::Pipeline, PipelineAtomic and PipelineKept: libpq's pipeline mode (PostgreSQL
// manual, 34.5). Each statement answers with one result and a null; each Sync with
// PGRES_PIPELINE_SYNC.
namespace shared::postgres {
namespace {

// Takes one statement's answer. A failure inside `statement` leaves the connection usable unless it
// is closed afterwards.
Result<void> TakeAnswer(Connection::Impl& impl, const CallDeadline& deadline,
                        Result<Rows>& statement) {
  bool answered = false;
  while (true) {
    ASSIGN_OR_RETURN(PgresultPtr result, impl.Next(deadline));
    if (result == nullptr) {
      // Two nulls in a row: the connection broke before the answer.
      if (!answered) return tl::make_unexpected(impl.LoseAsLibpqSays());
      return {};
    }
    answered = true;
    switch (PQresultStatus(result.get())) {
      case PGRES_TUPLES_OK:
      case PGRES_COMMAND_OK:
      case PGRES_EMPTY_QUERY:
        statement = Rows(std::make_unique<Rows::Impl>(Rows::Impl{std::move(result)}));
        break;
      case PGRES_PIPELINE_ABORTED:
        statement = Fail(ErrorCode::kCancelled, "an earlier statement of the pipeline failed");
        break;
      case PGRES_FATAL_ERROR: {
        Error error = impl.FailureOf(result.get());
        if (impl.pg == nullptr) return tl::make_unexpected(std::move(error));
        statement = tl::make_unexpected(std::move(error));
        break;
      }
      default:
        return tl::make_unexpected(impl.Lose(
            ErrorCode::kInvalidInput, "COPY is not for a pipeline; the connection is closed"));
    }
  }
}

Result<void> TakeSync(Connection::Impl& impl, const CallDeadline& deadline) {
  ASSIGN_OR_RETURN(const PgresultPtr sync, impl.Next(deadline));
  if (sync == nullptr) return tl::make_unexpected(impl.LoseAsLibpqSays());
  if (PQresultStatus(sync.get()) == PGRES_PIPELINE_SYNC) return {};
  Error error = impl.FailureOf(sync.get());
  return tl::make_unexpected(impl.Lose(error.code, std::move(error.message)));
}

enum class Syncs { kAfterEach, kOnce };

struct Member {
  const Statement* statement = nullptr;
  bool is_kept = false;
  bool prepares = false;  // its answer comes after that of preparing it
};

bool Send(Connection::Impl& impl, Member& member) {
  PGconn* const pg = impl.pg.get();
  if (!member.is_kept) return SendStatement(pg, *member.statement);
  const std::string& sql = member.statement->sql;
  auto kept = impl.kept.find(sql);
  if (kept == impl.kept.end()) {
    const std::string name = fmt::format("kept_{}", ++impl.kept_names);
    if (PQsendPrepare(pg, name.c_str(), sql.c_str(), 0, nullptr) != 1) return false;
    kept = impl.kept.emplace(sql, name).first;
    member.prepares = true;
  }
  return SendKept(pg, *member.statement, kept->second);
}

// One member's answer, and before it that of preparing it.
Result<void> TakeAnswers(Connection::Impl& impl, const CallDeadline& deadline, const Member& member,
                         Result<Rows>& answer) {
  constexpr std::string_view kNoSuchStatement = "26000";
  Result<Rows> prepared = Fail(ErrorCode::kInternal, "no answer");
  if (member.prepares) RETURN_IF_ERROR(TakeAnswer(impl, deadline, prepared));
  RETURN_IF_ERROR(TakeAnswer(impl, deadline, answer));
  const bool failed = member.prepares && !prepared;
  if (failed || (member.is_kept && !answer && impl.sqlstate == kNoSuchStatement)) {
    impl.kept.erase(member.statement->sql);
  }
  if (failed) answer = tl::make_unexpected(std::move(prepared).error());
  return {};
}

// Sends all and takes all answers. The socket is read while it is written (Flush), for a server
// whose answers nobody reads stops reading too.
Result<std::vector<Result<Rows>>> Run(Connection::Impl& impl, std::vector<Member> members,
                                      Syncs syncs) {
  ASSIGN_OR_RETURN(const CallDeadline deadline, impl.BeginCall());
  std::vector<Result<Rows>> answers;
  if (members.empty()) return answers;
  for (size_t i = 0; i < members.size(); ++i) {
    if (Result<void> clean = RefuseNul(*members[i].statement); !clean) {
      return tl::make_unexpected(
          std::move(clean).error().With(fmt::format("pipeline member {}", i + 1)));
    }
  }
  PGconn* const pg = impl.pg.get();
  bool sent = PQenterPipelineMode(pg) == 1;
  for (size_t i = 0; sent && i < members.size(); ++i) {
    sent = Send(impl, members[i]);
    const bool sync = syncs == Syncs::kAfterEach || i + 1 == members.size();
    if (sent && sync) sent = PQpipelineSync(pg) == 1;
  }
  if (!sent) return tl::make_unexpected(impl.LoseAsLibpqSays());
  std::string first_sqlstate;
  answers.reserve(members.size());
  for (size_t i = 0; i < members.size(); ++i) {
    answers.emplace_back(Fail(ErrorCode::kInternal, "no answer"));
    RETURN_IF_ERROR(TakeAnswers(impl, deadline, members[i], answers.back()));
    if (first_sqlstate.empty()) first_sqlstate = impl.sqlstate;
    const bool sync = syncs == Syncs::kAfterEach || i + 1 == members.size();
    if (sync) RETURN_IF_ERROR(TakeSync(impl, deadline));
  }
  impl.sqlstate = first_sqlstate;
  if (PQexitPipelineMode(pg) != 1) return tl::make_unexpected(impl.LoseAsLibpqSays());
  return answers;
}

std::vector<Member> MembersOf(const std::vector<Statement>& statements) {
  std::vector<Member> members;
  members.reserve(statements.size());
  for (const Statement& statement : statements) members.push_back({&statement});
  return members;
}

// The answers, or the first error: those after it were aborted.
Result<std::vector<Rows>> AllOf(std::vector<Result<Rows>> answers) {
  std::vector<Rows> rows;
  rows.reserve(answers.size());
  for (Result<Rows>& answer : answers) {
    if (!answer) return tl::make_unexpected(std::move(answer).error());
    rows.push_back(std::move(*answer));
  }
  return rows;
}

}  // namespace

Result<std::vector<Result<Rows>>> Connection::Pipeline(const std::vector<Statement>& statements) {
  return Run(*impl_, MembersOf(statements), Syncs::kAfterEach);
}

Result<std::vector<Rows>> Connection::PipelineAtomic(const std::vector<Statement>& statements) {
  ASSIGN_OR_RETURN(std::vector<Result<Rows>> answers,
                   Run(*impl_, MembersOf(statements), Syncs::kOnce));
  return AllOf(std::move(answers));
}

Result<std::vector<Rows>> PipelineKept(Connection& connection,
                                       const std::vector<KeptStatement>& statements) {
  std::vector<Member> members;
  members.reserve(statements.size());
  for (const KeptStatement& one : statements) members.push_back({&one.statement, one.is_kept});
  ASSIGN_OR_RETURN(std::vector<Result<Rows>> answers,
                   Run(connection.impl(), std::move(members), Syncs::kOnce));
  return AllOf(std::move(answers));
}

Result<Rows> QueryKept(Connection& connection, std::string_view sql,
                       std::vector<Parameter> parameters) {
  ASSIGN_OR_RETURN(std::vector<Rows> rows,
                   PipelineKept(connection, {{{std::string(sql), std::move(parameters)}}}));
  return std::move(rows.front());
}

}  // namespace shared::postgres
