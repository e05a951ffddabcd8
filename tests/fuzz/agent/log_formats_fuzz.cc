// The first byte picks a format, the rest is the file: whatever it holds, records must follow each
// other, be clean text, and no parser may crash or take for ever.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "agent/logs/postgres_json.h"
#include "agent/logs/postgres_stderr.h"
#include "agent/logs/syslog.h"
#include "shared/base/check.h"
#include "shared/text/utf8.h"
#include "tests/support/fake_clock.h"

namespace {

using namespace agent::logs;  // NOLINT(google-build-using-namespace)

void Parse(RecordParser& parser, std::string_view text) {
  pgvigil::v1::LogChunk out;
  uint64_t offset = 0;
  while (offset < text.size()) {
    const size_t end = text.find('\n', offset);
    const uint64_t size = (end == std::string_view::npos ? text.size() : end) - offset;
    Line line;
    line.offset = offset;
    line.length = size + (end == std::string_view::npos ? 0 : 1);
    line.text = text.substr(offset, size);
    line.cut = size % 7 == 6;
    parser.Add(line, out);
    offset += line.length;
  }
  parser.Flush(out);
  CHECK(!parser.open_record());
  uint64_t at = 0;
  for (const pgvigil::v1::LogRecord& record : out.records()) {
    CHECK(record.offset() >= at);
    at = record.offset() + record.length();
    CHECK(at <= text.size());
    for (const std::string& field :
         {record.body(), record.detail(), record.statement(), record.user()}) {
      CHECK(shared::text::IsCleanUtf8(field));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Redactor closed(false);
  static const tests::FakeClock clock;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 3 == 0) {
    PostgresJsonParser parser(TimeZone(), closed);
    Parse(parser, text);
  } else if (data[0] % 3 == 1) {
    // The first line is the prefix.
    const size_t end = std::min(text.find('\n'), text.size());
    PostgresStderrParser parser(text.substr(0, end), TimeZone(), closed, 4096);
    Parse(parser, text.substr(std::min(end + 1, text.size())));
  } else {
    SyslogParser parser(TimeZone(), clock, closed);
    Parse(parser, text);
  }
  return 0;
}
