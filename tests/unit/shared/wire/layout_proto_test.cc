#include "shared/wire/layout_proto.h"

#include <gtest/gtest.h>

namespace shared::wire {
namespace {

model::Layout MakeLayout() {
  model::Layout layout;
  layout.common_labels = {{"cluster", "main"}, {"zone", ""}};
  layout.series = {
      {"system.cpu.time", "s", model::MetricKind::kCounter, {{"cpu", "0"}, {"mode", "user"}}},
      {"system.load", "", model::MetricKind::kGauge, {}},
      {"queue", "{item}", model::MetricKind::kUpDownCounter, {{"name", "größe"}}},
      {"other", "1", model::MetricKind::kUnspecified, {}}};
  layout.hash = model::ComputeHash(layout.common_labels, layout.series);
  return layout;
}

// What FromProto says of the good layout after `spoil`.
template <typename Spoil>
void ExpectError(std::string_view message, Spoil spoil) {
  pgvigil::v1::Layout proto = ToProto(MakeLayout());
  spoil(proto);
  const Result<model::Layout> result = FromProto(proto);
  ASSERT_FALSE(result) << message;
  EXPECT_EQ(result.error().message, message);
  EXPECT_EQ(result.error().code, ErrorCode::kInvalidInput) << message;
}

TEST(LayoutProto, ReturnsTheLayoutThatWasSent) {
  const model::Layout layout = MakeLayout();
  pgvigil::v1::Layout parsed;
  ASSERT_TRUE(parsed.ParseFromString(ToProto(layout).SerializeAsString()));
  const Result<model::Layout> back = FromProto(parsed);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->common_labels, layout.common_labels);
  EXPECT_EQ(back->series, layout.series);
  EXPECT_EQ(back->hash, layout.hash);
}

TEST(LayoutProto, ASeriesMayRepeatACommonLabel) {
  model::Layout layout = MakeLayout();
  layout.series[2].labels[0].name = "zone";
  layout.hash = model::ComputeHash(layout.common_labels, layout.series);
  EXPECT_TRUE(FromProto(ToProto(layout)));
}

TEST(LayoutProto, ChecksTheHash) {
  ExpectError("layout: the hash has 0 bytes, 16 are due", [](auto& proto) { proto.clear_hash(); });
  ExpectError("layout: the hash has 17 bytes, 16 are due",
              [](auto& proto) { proto.mutable_hash()->push_back('x'); });
  const std::string hash = model::ToHex(MakeLayout().hash);
  ExpectError("layout: hash is 00000000000000000000000000000000, the content's is " + hash,
              [](auto& proto) { proto.set_hash(std::string(16, '\0')); });
  pgvigil::v1::Layout changed = ToProto(MakeLayout());
  changed.mutable_series(1)->set_unit("s");
  EXPECT_FALSE(FromProto(changed));
}

TEST(LayoutProto, NamesTheSeriesAndTheLabelThatAreWrong) {
  ExpectError("layout: series 0 (system.cpu.time): label 'cpu' is repeated",
              [](auto& proto) { proto.mutable_series(0)->mutable_labels(1)->set_name("cpu"); });
  ExpectError("layout: series 0 (system.cpu.time): label 'a' comes after 'cpu'",
              [](auto& proto) { proto.mutable_series(0)->mutable_labels(1)->set_name("a"); });
  ExpectError("layout: common labels: label 'b' comes after 'cluster'",
              [](auto& proto) { proto.mutable_common_labels(1)->set_name("b"); });
  ExpectError("layout: series 1 (system.load): kind 4 is not known", [](auto& proto) {
    proto.mutable_series(1)->set_kind(static_cast<pgvigil::v1::MetricKind>(4));
  });
}

TEST(LayoutProto, HoldsTheLimits) {
  ExpectError("layout: 0 series, 1 to 20000 are allowed",
              [](auto& proto) { proto.clear_series(); });
  ExpectError("layout: 20001 series, 1 to 20000 are allowed", [](auto& proto) {
    while (proto.series_size() < 20'001) proto.add_series()->set_name("x");
  });
  ExpectError("layout: series 0: the name has 0 bytes, 1 to 255 are allowed",
              [](auto& proto) { proto.mutable_series(0)->clear_name(); });
  ExpectError("layout: series 0: the name has 256 bytes, 1 to 255 are allowed",
              [](auto& proto) { proto.mutable_series(0)->set_name(std::string(256, 'n')); });
  ExpectError("layout: series 1 (system.load): the unit has 64 bytes, 0 to 63 are allowed",
              [](auto& proto) { proto.mutable_series(1)->set_unit(std::string(64, 'u')); });
  ExpectError("layout: common labels: the name of a label has 0 bytes, 1 to 255 are allowed",
              [](auto& proto) { proto.mutable_common_labels(0)->clear_name(); });
  ExpectError(
      "layout: series 2 (queue): label 'name': the value has 4097 bytes, 0 to 4096 are allowed",
      [](auto& proto) {
        proto.mutable_series(2)->mutable_labels(0)->set_value(std::string(4097, 'v'));
      });
  ExpectError("layout: series 1 (system.load): 65 labels, at most 64 are allowed", [](auto& proto) {
    for (int i = 0; i < 65; ++i) proto.mutable_series(1)->add_labels();
  });
}

TEST(LayoutProto, RefusesTextThatPostgresqlCannotStore) {
  ExpectError("layout: series 0: the name is not UTF-8, or has a NUL",
              [](auto& proto) { proto.mutable_series(0)->set_name("a\xff"); });
  ExpectError(
      "layout: series 0 (system.cpu.time): label 'cpu': the value is not UTF-8, or has a NUL",
      [](auto& proto) {
        proto.mutable_series(0)->mutable_labels(0)->set_value(std::string(1, '\0'));
      });
}

}  // namespace
}  // namespace shared::wire
