#pragma once

#include <span>
#include <string_view>

#include "agent/pipeline/frame.h"
#include "agent/postgres/instance.h"
#include "agent/postgres/table.h"

namespace agent::postgres {

// One statistics view: what to ask a server, and which samples its answer is. Metric names with a
// counterpart in OpenTelemetry's PostgreSQL receiver are that receiver's, bit for bit.
struct View {
  std::string_view name;  // "pg_stat_database", for messages
  // The statement for this server: begins with a comment that says who asks, names and operators
  // qualified, since anybody may have made others of the same name. "": nothing to ask there.
  std::string_view (*sql)(const InstanceIdentity& identity);
  // Pure. A column that is missing (another version) or NULL adds nothing.
  void (*add)(const Table& table, pipeline::FrameBuilder& frame);
};

// What is asked in every round, and what is asked seldom since it reads directories.
std::span<const View* const> FastViews();
std::span<const View* const> SlowViews();

extern const View kInstanceView;           // instance.cc
extern const View kActivityView;           // activity.cc
extern const View kDatabaseView;           // database.cc
extern const View kDatabaseConflictsView;  // database_conflicts.cc
extern const View kBgwriterView;           // bgwriter.cc
extern const View kWalView;                // wal.cc: pg_stat_wal
extern const View kWalPositionView;        // wal_position.cc
extern const View kWalReceiverView;        // wal_receiver.cc
extern const View kArchiverView;           // archiver.cc
extern const View kReplicationView;        // replication.cc
extern const View kReplicationSlotsView;   // replication_slots.cc
extern const View kDatabaseSizeView;       // database_size.cc
extern const View kWalDirectoryView;       // wal_directory.cc

// One column that is one metric, with at most one label beside those of the row.
struct ColumnMetric {
  std::string_view column;
  pipeline::Metric metric;
  pipeline::LabelView label{};  // no name: none
  double scale = 1;             // the views' milliseconds become seconds
};

// Adds every column of `columns` that the row has. `row_labels`: at most four, sorted by name.
void AddColumns(const Row& row, std::span<const ColumnMetric> columns,
                std::span<const pipeline::LabelView> row_labels, pipeline::FrameBuilder& frame);
// Adds a value unless it is absent.
void AddIfPresent(const pipeline::Metric& metric, std::span<const pipeline::LabelView> labels,
                  std::optional<double> value, pipeline::FrameBuilder& frame);

}  // namespace agent::postgres
