#include "tests/support/log_lines.h"

#include <fmt/format.h>

namespace tests {
namespace {

using pgvigil::v1::LogRecord;

constexpr int64_t kMilli = 1'000'000;
constexpr int64_t kReadEvery = 250 * kMilli;  // how often the agent looks
constexpr size_t kSessions = 40;

constexpr const char* kTables[] = {"orders", "order_items", "customers",  "invoices",
                                   "stock",  "payments",    "deliveries", "audit_log"};
constexpr const char* kUsers[] = {"app", "shop", "reporting", "billing", "postgres"};
constexpr const char* kDatabases[] = {"shop", "billing", "warehouse"};
constexpr const char* kApplications[] = {"psql", "web", "worker", "pgbouncer", "[unknown]"};
constexpr const char* kStatements[] = {
    "SELECT id, status, total FROM {} WHERE customer_id = $1 ORDER BY created_at DESC LIMIT $2",
    "UPDATE {} SET status = $1, updated_at = now() WHERE id = $2",
    "INSERT INTO {} (id, customer_id, total, created_at) VALUES ($1, $2, $3, $4)",
    "SELECT count(*) FROM {} o JOIN customers c ON c.id = o.customer_id WHERE c.region = $1",
    "DELETE FROM {} WHERE created_at < $1",
    "SELECT * FROM {} WHERE id = ANY ($1)"};
constexpr const char* kPaths[] = {"/api/orders", "/api/customers", "/api/stock", "/login",
                                  "/api/payments"};

void SetSeverity(LogRecord& record, uint32_t number, const char* text) {
  record.set_severity_number(number);
  record.set_severity_text(text);
}

}  // namespace

LogLines::LogLines(Source source, uint64_t seed, int64_t start_nanos, int64_t step_nanos)
    : source_(source), random_(seed), time_(start_nanos), step_(step_nanos) {
  for (size_t i = 0; i < kSessions; ++i) Begin(sessions_.emplace_back());
}

std::string LogLines::Hex(int digits) {
  return fmt::format("{:016x}", random_()).substr(0, static_cast<size_t>(digits));
}

void LogLines::Begin(Session& session) {
  session = {static_cast<uint32_t>(1000 + Below(60000)),
             One(kUsers),
             One(kDatabases),
             One(kApplications),
             fmt::format("10.20.{}.{}", Below(4), Below(250)),
             0};
}

void LogLines::Next(LogRecord& record) {
  record.Clear();
  time_ += static_cast<int64_t>(Below(static_cast<uint64_t>(2 * step_)));
  // As often as the agent looks; a nanosecond clock, so no round numbers.
  if (time_ >= observed_) observed_ = time_ + kReadEvery + static_cast<int64_t>(Below(999'999));
  record.set_offset(offset_);
  record.set_observed_unix_nano(static_cast<uint64_t>(observed_));
  if (source_ == Source::kPostgres) {
    NextPostgres(record);
  } else {
    NextSyslog(record);
  }
  offset_ += record.length();
}

void LogLines::NextPostgres(LogRecord& record) {
  record.set_time_unix_nano(static_cast<uint64_t>(time_ / kMilli * kMilli));
  SetSeverity(record, 9, "LOG");
  // "2026-01-01 00:00:00.123 UTC [4711] LOG:  " and, for sessions, "[1-1] user=…,client=… ".
  size_t prefix = 28 + 7 + 7;
  if (Below(50) == 0) {
    record.set_pid(static_cast<uint32_t>(900 + Below(4)));
    record.set_body(BackgroundBody());
  } else {
    Session& session = sessions_[Below(kSessions)];
    if (Below(60) == 0) Begin(session);
    session.line_num += 1;
    record.set_pid(session.pid);
    record.set_line_num(session.line_num);
    record.set_user(session.user);
    record.set_database(session.database);
    record.set_application_name(session.application);
    record.set_client(session.client);
    record.set_body(PostgresBody(record, session));
    prefix +=
        fmt::formatted_size("[{}-1] user={},db={},app={},client={} ", session.line_num,
                            session.user, session.database, session.application, session.client);
  }
  size_t length = prefix + record.body().size() + 1;
  // DETAIL and STATEMENT are lines of their own, with prefixes.
  for (const std::string* part : {&record.detail(), &record.statement()}) {
    if (!part->empty()) length += prefix + 8 + part->size() + 1;
  }
  record.set_length(static_cast<uint32_t>(length));
}

std::string LogLines::PostgresBody(LogRecord& record, const Session& session) {
  const char* const table = One(kTables);
  const std::string statement = fmt::format(fmt::runtime(One(kStatements)), table);
  const uint64_t kind = Below(1000);
  if (kind < 720) {
    return fmt::format("duration: {}.{:03} ms  {}: {}", Below(40) * Below(40), Below(1000),
                       Below(3) == 0 ? "statement" : "execute <unnamed>", statement);
  }
  if (kind < 790) {
    return fmt::format("connection received: host={} port={}", session.client,
                       32768 + Below(28000));
  }
  if (kind < 860) {
    return fmt::format(
        "connection authorized: user={} database={} application_name={} SSL enabled "
        "(protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, bits=256)",
        session.user, session.database, session.application);
  }
  if (kind < 930) {
    return fmt::format(
        "disconnection: session time: 0:{:02}:{:02}.{:03} user={} database={} "
        "host={} port={}",
        Below(60), Below(60), Below(1000), session.user, session.database, session.client,
        32768 + Below(28000));
  }
  if (kind < 950) {
    return fmt::format("temporary file: path \"base/pgsql_tmp/pgsql_tmp{}.{}\", size {}",
                       session.pid, Below(200), Below(1 << 30));
  }
  if (kind < 985) {
    return fmt::format(
        "process {} still waiting for ShareLock on transaction {} after 1000.{:03} "
        "ms",
        session.pid, 700'000'000 + Below(9'000'000), Below(1000));
  }
  SetSeverity(record, 17, "ERROR");
  record.set_statement(statement);
  if (kind < 993) {
    record.set_sqlstate("23505");
    record.set_detail(fmt::format("Key (id)=({}) already exists.", Below(100'000'000)));
    return fmt::format("duplicate key value violates unique constraint \"{}_pkey\"", table);
  }
  if (kind < 998) {
    record.set_sqlstate("57014");
    return "canceling statement due to statement timeout";
  }
  record.set_sqlstate("40P01");
  record.set_detail(
      fmt::format("Process {} waits for ShareLock on transaction {}; blocked by "
                  "process {}.",
                  session.pid, 700'000'000 + Below(9'000'000), Below(60000)));
  return "deadlock detected";
}

std::string LogLines::BackgroundBody() {
  switch (Below(4)) {
    case 0:
      return "checkpoint starting: time";
    case 1:
      return fmt::format(
          "checkpoint complete: wrote {} buffers ({}.{}%); 0 WAL file(s) added, {} removed, {} "
          "recycled; write={}.{:03} s, sync=0.{:03} s, total={}.{:03} s; sync files={}, "
          "longest=0.{:03} s, average=0.{:03} s; distance={} kB, estimate={} kB",
          Below(30000), Below(20), Below(10), Below(3), Below(12), Below(270), Below(1000),
          Below(1000), Below(270), Below(1000), Below(400), Below(1000), Below(100), Below(300000),
          Below(300000));
    default:
      return fmt::format(
          "automatic vacuum of table \"{}.public.{}\": index scans: {}\n\tpages: 0 removed, {} "
          "remain, {} scanned ({}.{:02}% of total)\n\ttuples: {} removed, {} remain, {} are dead "
          "but not yet removable",
          One(kDatabases), One(kTables), Below(2), Below(90000), Below(9000), Below(100),
          Below(100), Below(100000), Below(10000000), Below(1000));
  }
}

void LogLines::NextSyslog(LogRecord& record) {
  record.set_time_unix_nano(static_cast<uint64_t>(time_ / 1000 * 1000));
  SetSeverity(record, 9, "info");
  record.set_host_name("db1");
  record.set_body(SyslogBody(record));
  // "2026-01-01T00:00:00.123456+00:00 db1 sshd[4711]: "
  record.set_length(static_cast<uint32_t>(32 + 5 + record.program().size() + 2 +
                                          (record.pid() > 0 ? 7 : 0) + record.body().size() + 1));
}

std::string LogLines::SyslogBody(LogRecord& record) {
  const auto by = [&](const char* program, uint64_t pid) {
    record.set_program(program);
    record.set_pid(static_cast<uint32_t>(pid));
  };
  const uint64_t kind = Below(1000);
  if (kind < 700) {
    by("shopd", 2000 + Below(8));
    const uint64_t status = Below(50) == 0 ? 500 : 200;
    if (status == 500) SetSeverity(record, 17, "err");
    return fmt::format(
        "level={} method={} path={} status={} duration_ms={}.{} request_id={} user_id={} bytes={}",
        status == 500 ? "error" : "info", Below(4) == 0 ? "POST" : "GET", One(kPaths), status,
        Below(300), Below(10), Hex(16), Below(200'000), Below(20000));
  }
  if (kind < 780) {
    by("sshd", 10000 + Below(50000));
    return fmt::format(
        "Accepted publickey for {} from 10.20.{}.{} port {} ssh2: ED25519 "
        "SHA256:{}{}",
        One(kUsers), Below(4), Below(250), 32768 + Below(28000), "mZ3o9p8Jv5Qe", Below(30));
  }
  if (kind < 790) {
    by("sshd", 10000 + Below(50000));
    SetSeverity(record, 13, "warning");
    return fmt::format("Failed password for invalid user {} from 203.0.113.{} port {} ssh2",
                       One(kUsers), Below(250), 32768 + Below(28000));
  }
  if (kind < 880) {
    by("CRON", 10000 + Below(50000));
    return fmt::format("(root) CMD (command -v debian-sa1 > /dev/null && debian-sa1 1 {})",
                       Below(9));
  }
  if (kind < 940) {
    by("systemd", 1);
    return fmt::format("session-{}.scope: Deactivated successfully.", Below(90000));
  }
  if (kind < 970) {
    by("kernel", 0);
    return fmt::format(
        "[{}.{:06}] TCP: request_sock_TCP: Possible SYN flooding on port 5432. "
        "Sending cookies.",
        Below(9'000'000), Below(1'000'000));
  }
  by("postfix/smtp", 10000 + Below(50000));
  return fmt::format(
      "{}: to=<ops{}@example.com>, relay=mx.example.com[198.51.100.7]:25, delay={}.{},"
      " dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as {})",
      Hex(11), Below(40), Below(9), Below(100), Hex(11));
}

}  // namespace tests
