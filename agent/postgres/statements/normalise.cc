#include "agent/postgres/statements/normalise.h"

#include <pg_query.h>

// libpg_query exports an xxhash of its own: inlined, ours cannot be mistaken for it.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <optional>
#include <utility>

#include "agent/postgres/statements/sql_tokenizer.h"

namespace agent::postgres::statements {
namespace {

// The grammar's fingerprint; nullopt when it refuses the text. pg_query_exit is never called: in
// libpg_query 15-4.0.0 the next use after it crashes.
std::optional<uint64_t> ParserFingerprint(const std::string& text) {
  const PgQueryFingerprintResult result = pg_query_fingerprint(text.c_str());
  std::optional<uint64_t> fingerprint;
  if (result.error == nullptr) fingerprint = result.fingerprint;
  pg_query_free_fingerprint_result(result);
  return fingerprint;
}

}  // namespace

NormalisedStatement Normalise(std::string_view sql) {
  RedactedSql redacted = RedactSql(sql);
  NormalisedStatement out;
  out.text = std::move(redacted.text);
  if (!out.text.empty() && out.text.size() <= kParsedBytes && redacted.nesting <= kParsedNesting) {
    if (const std::optional<uint64_t> fingerprint = ParserFingerprint(out.text)) {
      out.fingerprint = *fingerprint;
      out.parsed = true;
      return out;
    }
  }
  out.fingerprint = XXH3_64bits(out.text.data(), out.text.size());
  return out;
}

}  // namespace agent::postgres::statements
