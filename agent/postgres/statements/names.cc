#include "agent/postgres/statements/names.h"

#include <utility>
#include <vector>

#include "shared/text/utf8.h"

namespace agent::postgres::statements {

using shared::Result;
using shared::postgres::Connection;
using shared::postgres::Rows;

namespace {

using NameMap = std::map<uint32_t, std::string>;

// The oids of `wanted` without a name, as an array literal; "{}" for none.
std::string Missing(const std::set<uint32_t>& wanted, const NameMap& names) {
  std::string out = "{";
  for (const uint32_t oid : wanted) {
    if (names.count(oid) != 0) continue;
    if (out.size() > 1) out += ',';
    out += std::to_string(oid);
  }
  return out + "}";
}

Result<void> Learn(const Result<Rows>& rows, const std::set<uint32_t>& wanted, NameMap& names) {
  if (!rows) return tl::make_unexpected(rows.error());
  for (size_t row = 0; row < rows->size(); ++row) {
    const auto oid = static_cast<uint32_t>(rows->Unsigned(row, 0).value_or(0));
    names[oid] = shared::text::CleanUtf8(rows->Text(row, 1));
  }
  for (const uint32_t oid : wanted) names.try_emplace(oid);  // gone: ""
  return {};
}

}  // namespace

Result<void> Names::AddTo(Connection& connection, pgvigil::v1::StatementInterval& interval) {
  if (clock_.Monotonic() >= valid_until_) {
    databases_.clear();
    roles_.clear();
    valid_until_ = clock_.Monotonic() + std::chrono::minutes(10);
  }
  std::set<uint32_t> dbids;
  std::set<uint32_t> userids;
  for (const pgvigil::v1::StatementDelta& delta : interval.deltas()) {
    dbids.insert(delta.dbid());
    userids.insert(delta.userid());
  }
  std::string missing_databases = Missing(dbids, databases_);
  std::string missing_roles = Missing(userids, roles_);
  if (missing_databases.size() > 2 || missing_roles.size() > 2) {
    ASSIGN_OR_RETURN(
        const std::vector<Result<Rows>> answers,
        connection.Pipeline(
            {{"/* pgvigil: names */ SELECT d.oid, d.datname FROM pg_catalog.pg_database d"
              " WHERE d.oid = ANY ($1::oid[])",
              {std::move(missing_databases)}},
             {"/* pgvigil: names */ SELECT r.oid, r.rolname FROM pg_catalog.pg_roles r"
              " WHERE r.oid = ANY ($1::oid[])",
              {std::move(missing_roles)}}}));
    RETURN_IF_ERROR(Learn(answers.at(0), dbids, databases_));
    RETURN_IF_ERROR(Learn(answers.at(1), userids, roles_));
  }
  for (const uint32_t oid : dbids) {
    pgvigil::v1::NamedOid& name = *interval.add_databases();
    name.set_oid(oid);
    name.set_name(databases_[oid]);
  }
  for (const uint32_t oid : userids) {
    pgvigil::v1::NamedOid& name = *interval.add_roles();
    name.set_oid(oid);
    name.set_name(roles_[oid]);
  }
  return {};
}

}  // namespace agent::postgres::statements
