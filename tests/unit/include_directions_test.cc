#include "tests/support/include_directions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace tests {
namespace {

TEST(IncludeDirections, AreKeptByTheSourceTree) {
  size_t files = 0;
  const std::vector<std::string> problems = CheckTree(PGVIGIL_SOURCE, files);
  EXPECT_GE(files, 50u) << "the tree was not found";
  std::string list;
  for (const std::string& problem : problems) list += problem + "\n";
  EXPECT_EQ(list, "");
}

TEST(IncludeDirections, AllowWhatLooksTheRightWay) {
  const auto expect_clean = [](std::string_view path, std::string_view text) {
    EXPECT_THAT(CheckIncludes(path, text), testing::ElementsAre()) << path;
  };
  expect_clean("shared/wire/a.cc", "#include \"shared/model/layout.h\"\n#include <zstd.h>\n");
  expect_clean("shared/wire/a.cc", "#include \"pgvigil/v1/batch.pb.h\"\n");
  expect_clean("shared/text/a.cc", "#include \"shared/text/b.h\"\n#include <string>\n");
  expect_clean("agent/agent.cc", "#include \"agent/spool/a.h\"\n#include \"agent/host/b.h\"\n");
  expect_clean("agent/host/a.cc",
               "// #include \"agent/spool/a.h\"\nstd::string include = \"zstd.h\";\n");
  expect_clean("agent/logs/a.h", "#include \"agent/ship/outbox.h\"\n");
  expect_clean("collector/storage/a.cc", "#include \"collector/api/a.h\"\n");
}

TEST(IncludeDirections, NameFileLineAndReason) {
  const auto expect = [](std::string_view path, std::string_view line, std::string_view message) {
    const std::string text = "#pragma once\n\n" + std::string(line) + "\n";
    EXPECT_THAT(CheckIncludes(path, text),
                testing::ElementsAre(std::string(path) + ":3: " + std::string(message)));
  };
  expect("agent/ship/a.cc", "#include \"collector/http/server.h\"",
         "agent/ must not include collector/: the two programs share only proto/ and shared/");
  expect("collector/main.cc", "  #  include \"agent/agent.h\"",
         "collector/ must not include agent/: the two programs share only proto/ and shared/");
  expect("shared/http/a.cc", "#include \"agent/agent.h\"",
         "shared/ must not include agent/: shared/ knows neither program");
  expect("shared/text/a.h", "#include \"shared/log/log.h\"",
         "shared/text/ must not include shared/log/, which is right of it");
  expect("shared/http/a.h", "#include \"shared/postgres/copy.h\"",
         "shared/http/ must not include shared/postgres/, which is right of it");
  expect("shared/model/a.h", "#include \"pgvigil/v1/batch.pb.h\"",
         "shared/model/ must not know the wire formats");
  expect("shared/new/a.h", "#include <string>", "this folder has no place in the row of shared/");
  expect("shared/wire/a.h", "#include \"shared/other/a.h\"",
         "shared/other/a.h is in no folder of shared/");
  expect("collector/storage/a.cc", "#include <libpq-fe.h>",
         "<libpq-fe.h> is included only in shared/postgres/");
  expect("agent/spool/a.cc", "#include <zstd.h>", "<zstd.h> is included only in shared/wire/");
  expect("agent/ship/a.cc", "#include <curl/curl.h>",
         "<curl/curl.h> is included only in shared/http/");
  expect("collector/main.cc", "#include <boost/asio/signal_set.hpp>",
         "<boost/asio/signal_set.hpp> is included only in collector/http/");
  expect("agent/config/a.cc", "#include <toml++/toml.h>",
         "<toml++/toml.h> is included only in shared/config/");
  expect("agent/host/a.h", "#include \"agent/spool/spool.h\"",
         "agent/host/ must not include agent/spool/: a source knows no spool");
  expect("agent/logs/a.h", "#include \"agent/ship/shipper.h\"",
         "agent/logs/ must not include agent/ship/: a source knows no network");
  expect("agent/postgres/a.h", "#include \"agent/ship/shipper.h\"",
         "agent/postgres/ must not include agent/ship/: a source knows no network");
  expect("collector/api/a.cc", "#include \"collector/storage/a.h\"",
         "collector/api/ must not include collector/storage/: it declares the interface that it "
         "calls");
  expect("collector/ingest/a.cc", "#include \"collector/storage/a.h\"",
         "collector/ingest/ must not include collector/storage/: it declares the interface that it "
         "calls");
  expect("collector/ingest/foreign/a.cc", "#include \"collector/api/a.h\"",
         "collector/ingest/ must not include collector/api/: what both need is in shared/");
  expect("collector/bus/a.cc", "#include \"collector/http/a.h\"",
         "collector/bus/ must not include collector/http/: Kafka is not asked by HTTP");
}

}  // namespace
}  // namespace tests
