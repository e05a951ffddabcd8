#include "shared/postgres/session.h"

// Connection::Pipeline and PipelineAtomic: libpq's pipeline mode (PostgreSQL manual, 34.5). Each
// statement answers with one result and a null; each Sync with PGRES_PIPELINE_SYNC.
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

// Sends all and takes all answers. The socket is read while it is written (Flush), for a server
// whose answers nobody reads stops reading too.
Result<std::vector<Result<Rows>>> Run(Connection::Impl& impl,
                                      const std::vector<Statement>& statements, Syncs syncs) {
  ASSIGN_OR_RETURN(const CallDeadline deadline, impl.BeginCall());
  std::vector<Result<Rows>> answers;
  if (statements.empty()) return answers;
  for (size_t i = 0; i < statements.size(); ++i) {
    if (Result<void> clean = RefuseNul(statements[i]); !clean) {
      return tl::make_unexpected(
          std::move(clean).error().With(fmt::format("pipeline member {}", i + 1)));
    }
  }
  PGconn* const pg = impl.pg.get();
  bool sent = PQenterPipelineMode(pg) == 1;
  for (size_t i = 0; sent && i < statements.size(); ++i) {
    sent = SendStatement(pg, statements[i]);
    const bool sync = syncs == Syncs::kAfterEach || i + 1 == statements.size();
    if (sent && sync) sent = PQpipelineSync(pg) == 1;
  }
  if (!sent) return tl::make_unexpected(impl.LoseAsLibpqSays());
  std::string first_sqlstate;
  answers.reserve(statements.size());
  for (size_t i = 0; i < statements.size(); ++i) {
    answers.emplace_back(Fail(ErrorCode::kInternal, "no answer"));
    RETURN_IF_ERROR(TakeAnswer(impl, deadline, answers.back()));
    if (first_sqlstate.empty()) first_sqlstate = impl.sqlstate;
    const bool sync = syncs == Syncs::kAfterEach || i + 1 == statements.size();
    if (sync) RETURN_IF_ERROR(TakeSync(impl, deadline));
  }
  impl.sqlstate = first_sqlstate;
  if (PQexitPipelineMode(pg) != 1) return tl::make_unexpected(impl.LoseAsLibpqSays());
  return answers;
}

}  // namespace

Result<std::vector<Result<Rows>>> Connection::Pipeline(const std::vector<Statement>& statements) {
  return Run(*impl_, statements, Syncs::kAfterEach);
}

Result<std::vector<Rows>> Connection::PipelineAtomic(const std::vector<Statement>& statements) {
  ASSIGN_OR_RETURN(std::vector<Result<Rows>> answers, Run(*impl_, statements, Syncs::kOnce));
  std::vector<Rows> rows;
  rows.reserve(answers.size());
  for (Result<Rows>& answer : answers) {
    if (!answer) return tl::make_unexpected(std::move(answer).error());  // those after it: aborted
    rows.push_back(std::move(*answer));
  }
  return rows;
}

}  // namespace shared::postgres
