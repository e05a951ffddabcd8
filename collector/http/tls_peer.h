#pragma once

#include <string>
#include <vector>

struct ssl_st;  // OpenSSL's SSL

namespace collector::http {

// Who the other side of a TLS connection is: the subject alternative names of the certificate that
// it showed and that was verified, with their kind in front: "DNS:db1.example.net",
// "URI:spiffe://fleet/agent/db1", "email:dba@example.net", "IP:10.0.0.7". Empty: it showed none. A
// common name is no identity (RFC 6125, 6.4.4). Names with control characters are left out.
std::vector<std::string> PeerNames(const ssl_st* connection);

// Why a handshake failed: what to count, and what to tell.
struct HandshakeFailure {
  std::string reason;       // one of few: "protocol_version", "client_certificate_missing", …
  std::string detail;       // OpenSSL's words
  bool spoke_http = false;  // the peer sent a plain HTTP request
};
// Takes what OpenSSL left in this thread's error queue, and empties it.
HandshakeFailure TakeHandshakeFailure(const ssl_st* connection);

}  // namespace collector::http
