#include "collector/bus/feeds/raw_queries.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <tuple>
#include <unordered_map>

#include "collector/bus/feeds/document.h"
#include "collector/bus/feeds/rfc3339.h"
#include "collector/storage/statement_columns.h"
#include "shared/text/hex.h"

namespace collector::bus {
namespace {

using pgvigil::v1::NamedOid;
using pgvigil::v1::PostgresInstance;
using pgvigil::v1::StatementDelta;
using pgvigil::v1::StatementInterval;
using pgvigil::v1::StatementText;
using pgvigil::v1::StatementTexts;
using shared::text::JsonWriter;
using Names = std::unordered_map<uint32_t, std::string_view>;

Names NamesOf(const google::protobuf::RepeatedPtrField<NamedOid>& oids) {
  Names names;
  for (const NamedOid& oid : oids) names.emplace(oid.oid(), oid.name());
  return names;
}

std::string_view DeltaName(pgvigil::v1::DeltaKind kind) {
  switch (kind) {
    case pgvigil::v1::DELTA_KIND_DIFFERENCE:
      return "difference";
    case pgvigil::v1::DELTA_KIND_NEW:
      return "new";
    case pgvigil::v1::DELTA_KIND_REINCARNATED:
      return "reincarnated";
    default:
      return "unspecified";
  }
}

// The texts that a batch carries, and which of them went into a document already.
class TextBook {
 public:
  struct Entry {
    const PostgresInstance* instance = nullptr;
    const StatementText* text = nullptr;
    bool used = false;
  };

  explicit TextBook(const google::protobuf::RepeatedPtrField<StatementTexts>& texts) {
    for (const StatementTexts& some : texts) {
      for (const StatementText& text : some.texts()) {
        entries_.try_emplace(KeyOf(some.instance(), text.dbid(), text.queryid()),
                             Entry{&some.instance(), &text});
      }
    }
  }

  // null: the batch has none.
  Entry* Find(const PostgresInstance& instance, const StatementDelta& delta) {
    const auto found = entries_.find(KeyOf(instance, delta.dbid(), delta.queryid()));
    return found == entries_.end() ? nullptr : &found->second;
  }
  template <typename Visit>
  void ForEachUnused(const Visit& visit) const {
    for (const auto& [key, entry] : entries_) {
      if (!entry.used) visit(entry);
    }
  }

 private:
  using Key = std::tuple<uint64_t, uint32_t, std::string_view, uint32_t, int64_t>;
  static Key KeyOf(const PostgresInstance& instance, uint32_t dbid, int64_t queryid) {
    return {instance.system_identifier(), instance.port(), instance.name(), dbid, queryid};
  }
  std::map<Key, Entry> entries_;
};

void WriteText(const StatementText& text, JsonWriter& json) {
  json.Key("text").String(text.text());
  json.Key("text_truncated").Bool(text.truncated());
  json.Key("text_parsed").Bool(text.parsed());
  json.Key("fingerprint").String(shared::text::ToHex(text.fingerprint()));
}

void WriteCounters(const StatementDelta& delta, JsonWriter& json) {
  constexpr std::string_view kAlways[] = {"calls", "rows", "total_exec_time_ms"};
  for (const storage::StatementColumn& column : storage::kStatementColumns) {
    const std::string_view name = column.name;
    const bool always =
        std::find(std::begin(kAlways), std::end(kAlways), name) != std::end(kAlways);
    if (column.count != nullptr) {
      const uint64_t count = (delta.*column.count)();
      if (always || count != 0) json.Key(name).Unsigned(count);
    } else {
      const double time = (delta.*column.time)();
      if (always || time != 0) json.Key(name).Number(time);
    }
  }
}

// Writes the documents of one batch.
class QueryDocuments {
 public:
  QueryDocuments(const ingest::AcceptedBatch& batch, size_t record_bytes,
                 std::vector<FeedRecord>& out)
      : batch_(batch.batch),
        head_("pgvigil.raw-queries.v1", batch),
        record_bytes_(record_bytes),
        texts_(batch.batch.texts()),
        out_(out) {}

  // Returns how many documents or texts were left out.
  uint64_t Write() {
    for (const StatementInterval& interval : batch_.statements()) {
      const Names databases = NamesOf(interval.databases());
      const Names roles = NamesOf(interval.roles());
      for (const StatementDelta& delta : interval.deltas()) {
        WriteStatement(interval, databases, roles, delta);
      }
    }
    texts_.ForEachUnused([this](const TextBook::Entry& entry) {
      JsonWriter json = Begin("postgresql.statement_text", *entry.instance);
      json.Key("queryid").String(std::to_string(entry.text->queryid()));
      json.Key("dbid").Unsigned(entry.text->dbid());
      WriteText(*entry.text, json);
      if (!Finish(json)) lost_ += 1;
    });
    return lost_;
  }

 private:
  void WriteStatement(const StatementInterval& interval, const Names& databases, const Names& roles,
                      const StatementDelta& delta) {
    TextBook::Entry* const entry = texts_.Find(interval.instance(), delta);
    if (entry != nullptr) {
      entry->used = true;
      JsonWriter json = BeginStatement(interval, databases, roles, delta);
      WriteText(*entry->text, json);
      if (Finish(json)) return;
      lost_ += 1;
    }
    JsonWriter json = BeginStatement(interval, databases, roles, delta);
    if (!Finish(json)) lost_ += 1;
  }

  JsonWriter BeginStatement(const StatementInterval& interval, const Names& databases,
                            const Names& roles, const StatementDelta& delta) const {
    JsonWriter json = Begin("postgresql.statement", interval.instance());
    json.Key("interval_start").String(FormatRfc3339(interval.start_unix_nano()));
    json.Key("interval_end").String(FormatRfc3339(interval.end_unix_nano()));
    json.Key("partial").Bool(interval.partial());
    json.Key("delta").String(DeltaName(delta.kind()));
    if (delta.since_unix_nano() != 0) {
      json.Key("since").String(FormatRfc3339(delta.since_unix_nano()));
    }
    json.Key("queryid").String(std::to_string(delta.queryid()));
    json.Key("toplevel").Bool(delta.toplevel());
    json.Key("dbid").Unsigned(delta.dbid());
    WriteName("database", databases, delta.dbid(), json);
    json.Key("userid").Unsigned(delta.userid());
    WriteName("user", roles, delta.userid(), json);
    WriteCounters(delta, json);
    return json;
  }

  static void WriteName(std::string_view key, const Names& names, uint32_t oid, JsonWriter& json) {
    const auto found = names.find(oid);
    if (found != names.end() && !found->second.empty()) json.Key(key).String(found->second);
  }

  // Up to the members of the body.
  JsonWriter Begin(std::string_view kind, const PostgresInstance& instance) const {
    JsonWriter json;
    head_.Begin(kind, batch_.created_unix_nano(), json);
    json.Key("attributes").BeginObject();
    WriteInstance(instance, json);
    json.EndObject().Key("body").BeginObject();
    return json;
  }

  // False: too large.
  bool Finish(JsonWriter& json) {
    json.EndObject().EndObject();
    if (json.size() > record_bytes_) return false;
    out_.push_back({.key = head_.key(), .value = json.Take(), .items = 1});
    return true;
  }

  const pgvigil::v1::Batch& batch_;
  const DocumentHead head_;
  const size_t record_bytes_;
  TextBook texts_;
  std::vector<FeedRecord>& out_;
  uint64_t lost_ = 0;
};

}  // namespace

uint64_t RawQueriesFeed::Encode(const ingest::AcceptedBatch& batch, const LayoutSource& /*layouts*/,
                                size_t record_bytes, std::vector<FeedRecord>& out) const {
  if (batch.batch.statements().empty() && batch.batch.texts().empty()) return 0;
  return QueryDocuments(batch, record_bytes, out).Write();
}

}  // namespace collector::bus
