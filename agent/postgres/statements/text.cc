#include "agent/postgres/statements/text.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "agent/postgres/statements/normalise.h"

namespace agent::postgres::statements {

using shared::Result;
using shared::postgres::Connection;
using shared::postgres::Rows;

namespace {

constexpr int kMostDoublings = 4;
constexpr size_t kRemembered = 16'384;  // sent texts, unless a server has more entries
constexpr size_t kMostAsked = 20'000;

// PostgreSQL array literals of the keys in `reading` that are not in `sent`.
struct Wanted {
  size_t keys = 0;
  std::string dbids = "{";
  std::string queryids = "{";
};

template <typename Visit>
void VisitUnknown(const Reading& reading, const TextMemory& sent, const Visit& visit) {
  std::optional<Key> last;
  for (size_t entry = 0; entry < reading.size(); ++entry) {
    const Key key = reading.key(entry);
    // Keys are sorted by (dbid, userid, queryid): the same text may come again with another user.
    if (last && last->dbid == key.dbid && last->queryid == key.queryid) continue;
    last = key;
    if (!sent.Contains(key.dbid, key.queryid) && !visit(key)) return;
  }
}

Wanted Unknown(const Reading& reading, const TextMemory& sent) {
  Wanted out;
  VisitUnknown(reading, sent, [&](const Key& key) {
    if (out.keys > 0) {
      out.dbids += ',';
      out.queryids += ',';
    }
    out.dbids += std::to_string(key.dbid);
    out.queryids += std::to_string(key.queryid);
    out.keys += 1;
    return out.keys < kMostAsked;
  });
  out.dbids += '}';
  out.queryids += '}';
  return out;
}

// Runs the query with its own timeout. The transaction keeps the setting from outliving it.
Result<Rows> FetchTexts(Connection& connection, const TextLane::Config& config,
                        std::string_view schema, Wanted wanted) {
  ASSIGN_OR_RETURN(shared::postgres::Transaction transaction,
                   shared::postgres::Transaction::Begin(connection, "BEGIN READ ONLY"));
  RETURN_IF_ERROR(
      connection.Execute(fmt::format("SET LOCAL statement_timeout = {}", config.timeout.count())));
  ASSIGN_OR_RETURN(Rows rows, connection.Query(TextsSql(schema),
                                               {std::move(wanted.dbids), std::move(wanted.queryids),
                                                std::to_string(config.text_characters),
                                                std::to_string(config.run_bytes)}));
  RETURN_IF_ERROR(transaction.Commit());
  return rows;
}

void FillText(const Rows& rows, size_t row, pgvigil::v1::StatementText& out) {
  NormalisedStatement normalised = Normalise(rows.Text(row, 2));
  out.set_dbid(static_cast<uint32_t>(rows.Unsigned(row, 0).value_or(0)));
  out.set_queryid(rows.Int(row, 1).value_or(0));
  out.set_text(std::move(normalised.text));
  std::array<char, 8> fingerprint{};  // big-endian, so that its hex is the number's
  for (size_t i = 0; i < fingerprint.size(); ++i) {
    fingerprint[i] = static_cast<char>(normalised.fingerprint >> (56 - 8 * i));
  }
  out.set_fingerprint(fingerprint.data(), fingerprint.size());
  out.set_parsed(normalised.parsed);
  out.set_truncated(rows.Bool(row, 3).value_or(false));
}

}  // namespace

std::string TextsSql(std::string_view schema) {
  // left() does not spare the server the text file, but it spares the sort and the wire long texts.
  return "/* pgvigil: statement texts */ SELECT t.dbid, t.queryid, t.text, t.cut FROM ("
         "SELECT k.*, sum(octet_length(k.text)) OVER (ORDER BY k.cost DESC, k.dbid, k.queryid"
         " ROWS UNBOUNDED PRECEDING) AS bytes FROM ("
         "SELECT DISTINCT ON (s.dbid, s.queryid) s.dbid, s.queryid,"
         " left(s.query, $3::int) AS text, length(s.query) > $3::int AS cut,"
         " s.total_exec_time AS cost FROM " +
         shared::postgres::QuoteIdentifier(schema) +
         ".pg_stat_statements(true) AS s"
         " WHERE (s.dbid, s.queryid) IN (SELECT w.dbid, w.queryid FROM"
         " unnest($1::oid[], $2::bigint[]) AS w (dbid, queryid)) AND s.query IS NOT NULL"
         " ORDER BY s.dbid, s.queryid, s.total_exec_time DESC) AS k) AS t"
         " WHERE t.bytes <= $4::bigint ORDER BY t.bytes";
}

bool TextLane::Due(const Reading& reading) const {
  if (clock_.Monotonic() < next_run_) return false;
  bool unknown = false;
  VisitUnknown(reading, sent_, [&](const Key&) {
    unknown = true;
    return false;
  });
  return unknown;
}

Result<void> TextLane::Run(Connection& connection, std::string_view schema, const Reading& reading,
                           const pgvigil::v1::PostgresInstance& instance, const Send& send) {
  Forget(reading);
  Wanted wanted = Unknown(reading, sent_);
  if (wanted.keys == 0) return {};
  Schedule(false);  // until the run has shown its worth
  ASSIGN_OR_RETURN(const Rows rows, FetchTexts(connection, config_, schema, std::move(wanted)));
  for (size_t row = 0; row < rows.size();) {
    pgvigil::v1::StatementTexts message;
    *message.mutable_instance() = instance;
    size_t bytes = 0;
    const size_t first = row;
    for (; row < rows.size() && (row == first || bytes < config_.message_bytes); ++row) {
      FillText(rows, row, *message.add_texts());
      bytes += message.texts(message.texts_size() - 1).text().size();
    }
    if (!send(message)) return {};  // a full queue: later, like everything fruitless
    for (size_t sent = first; sent < row; ++sent) {
      sent_.Insert(static_cast<uint32_t>(rows.Unsigned(sent, 0).value_or(0)),
                   rows.Int(sent, 1).value_or(0));
    }
  }
  if (rows.size() > 0) Schedule(true);
  return {};
}

void TextLane::Schedule(bool useful) {
  fruitless_runs_ = useful ? 0 : std::min(fruitless_runs_ + 1, kMostDoublings + 1);
  const int doublings = std::max(fruitless_runs_ - 1, 0);
  next_run_ = clock_.Monotonic() + config_.interval * (1 << doublings);
}

// Keeps the memory within its bound: statements that the server has forgotten go.
void TextLane::Forget(const Reading& reading) {
  if (sent_.size() <= std::max(kRemembered, 2 * reading.size())) return;
  TextMemory kept;
  for (size_t entry = 0; entry < reading.size(); ++entry) {
    const Key key = reading.key(entry);
    if (sent_.Contains(key.dbid, key.queryid)) kept.Insert(key.dbid, key.queryid);
  }
  sent_ = std::move(kept);
}

}  // namespace agent::postgres::statements
