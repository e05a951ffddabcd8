#include "agent/host/sock_diag.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace agent::host {
namespace {

using shared::ErrorCode;
using shared::Fail;
using shared::FailErrno;
using shared::model::MetricKind;

constexpr pipeline::Metric kConnections{"system.network.connection.count", "{connection}",
                                        MetricKind::kUpDownCounter};

constexpr size_t kTimeWait = 6;
// network.connection.state by the kernel's number. 12, TCP_NEW_SYN_RECV, is reported as 3.
constexpr std::string_view kStates[] = {"",           "established", "syn_sent", "syn_received",
                                        "fin_wait_1", "fin_wait_2",  "",         "closed",
                                        "close_wait", "last_ack",    "listen",   "closing"};
constexpr uint32_t kWantedStates = 0x1ffe & ~(1u << kTimeWait);
constexpr size_t kBufferBytes = 32768;  // what the kernel fills at once, at most

}  // namespace

shared::Result<bool> ParseInetDiag(std::string_view datagram, TcpStates& counts) {
  while (!datagram.empty()) {
    nlmsghdr header;
    if (datagram.size() < sizeof header) {
      return Fail(ErrorCode::kMalformed, "sock_diag: a header of {} bytes", datagram.size());
    }
    std::memcpy(&header, datagram.data(), sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > datagram.size()) {
      return Fail(ErrorCode::kMalformed, "sock_diag: a message of {} bytes in {}", header.nlmsg_len,
                  datagram.size());
    }
    const std::string_view body = datagram.substr(sizeof header, header.nlmsg_len - sizeof header);
    datagram.remove_prefix(std::min<size_t>(NLMSG_ALIGN(header.nlmsg_len), datagram.size()));
    if (header.nlmsg_type == NLMSG_DONE) return true;
    if (header.nlmsg_type == NLMSG_ERROR) {
      int32_t error = 0;
      if (body.size() < sizeof error)
        return Fail(ErrorCode::kMalformed, "sock_diag: no error code");
      std::memcpy(&error, body.data(), sizeof error);
      // -INT32_MIN would overflow; anything that is not a negative errno is a bug of the peer.
      if (error >= 0 || error < -4095) {
        return Fail(ErrorCode::kMalformed, "sock_diag: error code {}", error);
      }
      return FailErrno(-error, "sock_diag");
    }
    inet_diag_msg socket;
    if (body.size() < sizeof socket) {
      return Fail(ErrorCode::kMalformed, "sock_diag: a socket of {} bytes", body.size());
    }
    std::memcpy(&socket, body.data(), sizeof socket);
    if (socket.idiag_state < counts.by_state.size()) counts.by_state[socket.idiag_state] += 1;
  }
  return false;
}

shared::Result<void> TcpDiag::Open() {
  socket_.Reset(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!socket_.valid()) return FailErrno(errno, "sock_diag: socket");
  const timeval patience{1, 0};
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  buffer_.resize(kBufferBytes);
  return {};
}

shared::Result<TcpStates> TcpDiag::Dump() {
  struct {
    nlmsghdr header;
    inet_diag_req body;
  } request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = TCPDIAG_GETSOCK;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.body.idiag_family = AF_INET;  // not looked at: this kind of request is for both
  request.body.idiag_states = kWantedStates;
  if (::send(socket_.get(), &request, sizeof request, 0) < 0) {
    return FailErrno(errno, "sock_diag: send");
  }
  TcpStates counts;
  for (;;) {
    const ssize_t got = ::recv(socket_.get(), buffer_.data(), buffer_.size(), 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      return FailErrno(errno, "sock_diag: recv");
    }
    ASSIGN_OR_RETURN(const bool done,
                     ParseInetDiag({buffer_.data(), static_cast<size_t>(got)}, counts));
    if (done) return counts;
    if (got == 0) return Fail(ErrorCode::kMalformed, "sock_diag: the answer has no end");
  }
}

shared::Result<TcpStates> TcpDiag::Read() {
  if (!socket_.valid()) RETURN_IF_ERROR(Open());
  shared::Result<TcpStates> counts = Dump();
  if (!counts) socket_.Reset();  // what is left of the answer must not be taken for the next one
  return counts;
}

void EmitConnections(std::string_view state, uint64_t count, pipeline::FrameBuilder& frame) {
  frame.Add(kConnections, {{"network.connection.state", state}, {"network.transport", "tcp"}},
            static_cast<double>(count));
}

void Emit(const TcpStates& states, pipeline::FrameBuilder& frame) {
  for (size_t i = 0; i < std::size(kStates); ++i) {
    if (!kStates[i].empty()) EmitConnections(kStates[i], states.by_state[i], frame);
  }
}

}  // namespace agent::host
