#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "shared/base/clock.h"

namespace collector::http {

// Whether clients show a certificate of their own when they connect.
enum class ClientCertificates {
  kNone,      // they are not asked
  kOptional,  // one that is shown must be good; none is good as well
  kRequired,  // without one there is no connection
};

struct TlsOptions {
  // PEM: the certificate, then those between it and its authority. "": no TLS.
  std::string cert_file{};
  std::string key_file{};        // PEM, without a passphrase
  std::string client_ca_file{};  // PEM: authorities of client certificates
  ClientCertificates clients = ClientCertificates::kNone;
  bool version_1_3_only = false;  // else 1.2 as well; never older
  std::chrono::milliseconds handshake_timeout{10'000};
  // How often the files are looked at. What changed is loaded once it stood still for so long.
  std::chrono::milliseconds check_interval{5'000};
  [[nodiscard]] bool enabled() const { return !cert_file.empty(); }
};

// Of the certificate in use.
struct TlsStatus {
  shared::WallTime not_after;
  uint64_t reloads_total = 0;
  uint64_t reload_failures_total = 0;
};

}  // namespace collector::http
