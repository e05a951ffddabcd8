#include "agent/host/sock_diag.h"

#include <gtest/gtest.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

#include "shared/base/unique_fd.h"

namespace agent::host {
namespace {

template <typename Body>
std::string Message(uint16_t type, const Body& body) {
  nlmsghdr header{};
  header.nlmsg_len = sizeof header + sizeof body;
  header.nlmsg_type = type;
  std::string out(sizeof header + sizeof body, '\0');
  std::memcpy(out.data(), &header, sizeof header);
  std::memcpy(out.data() + sizeof header, &body, sizeof body);
  return out;
}

std::string Socket(uint8_t state) {
  inet_diag_msg body{};
  body.idiag_state = state;
  return Message(TCPDIAG_GETSOCK, body);
}

TEST(ParseInetDiag, CountsSocketsByStateUntilTheDumpIsDone) {
  TcpStates counts;
  EXPECT_FALSE(ParseInetDiag(Socket(1) + Socket(10) + Socket(1), counts).value());
  EXPECT_TRUE(ParseInetDiag(Socket(8) + Message(NLMSG_DONE, int32_t{0}), counts).value());
  EXPECT_EQ(counts.by_state[1], 2u);
  EXPECT_EQ(counts.by_state[8], 1u);
  EXPECT_EQ(counts.by_state[10], 1u);
}

TEST(ParseInetDiag, LeavesOutAStateItDoesNotKnow) {
  TcpStates counts;
  EXPECT_FALSE(ParseInetDiag(Socket(200), counts).value());
  for (const uint64_t count : counts.by_state) EXPECT_EQ(count, 0u);
}

TEST(ParseInetDiag, PassesOnWhatTheKernelAnswered) {
  TcpStates counts;
  const auto refused = ParseInetDiag(Message(NLMSG_ERROR, nlmsgerr{-EPERM, {}}), counts);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "sock_diag: Operation not permitted");
  EXPECT_EQ(refused.error().code, shared::ErrorCode::kPermissionDenied);
}

TEST(ParseInetDiag, RefusesLengthsThatDoNotFit) {
  const auto expect_error = [](std::string_view datagram, std::string_view message) {
    TcpStates counts;
    const auto parsed = ParseInetDiag(datagram, counts);
    ASSERT_FALSE(parsed) << message;
    EXPECT_EQ(parsed.error().message, message);
  };
  const std::string socket = Socket(1);
  expect_error("abc", "sock_diag: a header of 3 bytes");
  expect_error(std::string_view(socket).substr(0, 20), "sock_diag: a message of 88 bytes in 20");
  expect_error(std::string(16, '\0'), "sock_diag: a message of 0 bytes in 16");
  expect_error(Message(TCPDIAG_GETSOCK, int32_t{0}), "sock_diag: a socket of 4 bytes");
  expect_error(Message(NLMSG_ERROR, int32_t{5}), "sock_diag: error code 5");
}

TEST(ParseInetDiag, SurvivesACutAtEveryByte) {
  const std::string whole = Socket(1) + Socket(2) + Message(NLMSG_DONE, int32_t{0});
  for (size_t size = 0; size < whole.size(); ++size) {
    TcpStates counts;
    const auto parsed = ParseInetDiag(std::string_view(whole).substr(0, size), counts);
    if (parsed) {
      EXPECT_FALSE(*parsed) << size;
    }
  }
}

TEST(TcpDiag, SeesAListeningSocketOfOurOwn) {
  const shared::UniqueFd listener(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_TRUE(listener.valid());
  TcpDiag diag;
  const auto before = diag.Read();
  ASSERT_TRUE(before) << before.error().message;
  ASSERT_EQ(::listen(listener.get(), 1), 0);  // on a free port
  const auto after = diag.Read();
  ASSERT_TRUE(after) << after.error().message;
  // Others may come and go meanwhile; that ours alone is counted cannot be seen from here.
  EXPECT_GE(after->by_state[10], 1u);
  EXPECT_EQ(after->by_state[6], 0u);
}

}  // namespace
}  // namespace agent::host
