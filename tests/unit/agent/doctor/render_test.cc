#include "agent/doctor/render.h"

#include <gtest/gtest.h>

#include <vector>

namespace agent::doctor {
namespace {

using pgvigil::v1::Capability;

Capability Make(std::string name, Capability::State state, std::string detail = {},
                std::string remedy = {}) {
  Capability out;
  out.set_name(std::move(name));
  out.set_state(state);
  out.set_detail(std::move(detail));
  out.set_remedy(std::move(remedy));
  return out;
}

const std::vector<Capability>& Findings() {
  static const std::vector<Capability> findings{
      Make("host", Capability::STATE_OK),
      Make("postgres:main", Capability::STATE_DEGRADED, "role \"x\" lacks pg_monitor",
           "GRANT pg_monitor TO x;"),
      Make("collector", Capability::STATE_FAILED, "first\nsecond"),
      Make("logs:syslog", Capability::STATE_OFF)};
  return findings;
}

TEST(RenderText, HasALineForEachWithDetailAndRemedyBelow) {
  EXPECT_EQ(RenderText(Findings(), false),
            "ok        host\n"
            "degraded  postgres:main\n"
            "            role \"x\" lacks pg_monitor\n"
            "            remedy: GRANT pg_monitor TO x;\n"
            "failed    collector\n"
            "            first\n"
            "            second\n"
            "off       logs:syslog\n");
}

TEST(RenderText, ColoursOnlyTheState) {
  EXPECT_EQ(RenderText(Findings(), true),
            "\033[32mok      \033[0m  host\n"
            "\033[33mdegraded\033[0m  postgres:main\n"
            "            role \"x\" lacks pg_monitor\n"
            "            remedy: GRANT pg_monitor TO x;\n"
            "\033[31mfailed  \033[0m  collector\n"
            "            first\n"
            "            second\n"
            "off       logs:syslog\n");
}

TEST(RenderText, LetsNoPeerCommandTheTerminal) {
  const std::vector<Capability> findings{
      Make("collector", Capability::STATE_FAILED, "\033[2Jgone\r")};
  EXPECT_EQ(RenderText(findings, false), "failed    collector\n            ?[2Jgone?\n");
}

TEST(RenderJson, IsOneDocumentOfAllFields) {
  EXPECT_EQ(RenderJson(Findings()),
            R"({"capabilities":[{"name":"host","state":"ok","detail":"","remedy":""},)"
            R"({"name":"postgres:main","state":"degraded","detail":"role \"x\" lacks pg_monitor",)"
            R"("remedy":"GRANT pg_monitor TO x;"},)"
            R"({"name":"collector","state":"failed","detail":"first\nsecond","remedy":""},)"
            R"({"name":"logs:syslog","state":"off","detail":"","remedy":""}]})"
            "\n");
  EXPECT_EQ(RenderJson({}), "{\"capabilities\":[]}\n");
}

}  // namespace
}  // namespace agent::doctor
