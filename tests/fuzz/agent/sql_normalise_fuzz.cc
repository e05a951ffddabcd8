// Any bytes as a statement: clean text without literals, which another pass leaves as it is.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "agent/postgres/statements/normalise.h"
#include "agent/postgres/statements/sql_tokenizer.h"
#include "shared/base/check.h"
#include "shared/text/utf8.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  namespace statements = agent::postgres::statements;
  const std::string sql(bytes, bytes + size);
  const statements::NormalisedStatement normalised = statements::Normalise(sql);
  CHECK(shared::text::IsCleanUtf8(normalised.text));
  CHECK(statements::RedactSql(normalised.text).text == normalised.text);
  return 0;
}
