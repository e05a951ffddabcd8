#pragma once

#include <memory>
#include <optional>
#include <string>

#include "collector/http/tls_options.h"
#include "shared/base/result.h"
#include "shared/concurrency/guarded.h"

struct ssl_ctx_st;  // OpenSSL's SSL_CTX

namespace collector::http {

// The listener's certificate, key and authorities, in the form in which new connections take them.
// Loading them again changes nothing for connections that stand; files that do not fit or are no
// longer valid are refused, counted, and the old ones stay in use. Thread-safe, but for CheckFiles.
class TlsCertificates {
 public:
  // kInvalidInput, whatever is wrong with the files:
  //   /etc/x/tls.pem: open /etc/x/tls.pem: No such file or directory
  //   /etc/x/tls.key: does not belong to the certificate in /etc/x/tls.pem
  // A certificate that has expired is taken, with an ERROR in the log: agents will say so.
  static shared::Result<std::unique_ptr<TlsCertificates>> Load(const TlsOptions& options);

  // Counted by OpenSSL: SSL_new holds it as long as the connection stands.
  [[nodiscard]] std::shared_ptr<ssl_ctx_st> Current() const;
  // At once: SIGHUP. As Load, and kInvalidInput when the new certificate is not valid now:
  //   /etc/x/tls.pem: expired at 2026-11-20T08:00:00.000000Z
  shared::Result<void> Reload(shared::WallTime now);
  // Call every check_interval, from one thread: reloads files that changed and then stood still
  // from one call to the next (a renewal writes two files), and says so in the log; warns once a
  // day while the certificate has less than 21 days left.
  void CheckFiles(shared::WallTime now);
  [[nodiscard]] TlsStatus Status() const;

  // What to tell the operator about a certificate that ends then; nullopt: nothing yet.
  //   "/etc/x/tls.pem expires in 12 days, at 2026-12-03T08:00:00.000000Z"
  static std::optional<std::string> ExpiryRemark(const std::string& cert_file,
                                                 shared::WallTime not_after, shared::WallTime now);

 private:
  struct State {
    std::shared_ptr<ssl_ctx_st> context;
    TlsStatus status;
  };
  TlsCertificates(const TlsOptions& options, std::string identity, State state);
  // Which files they are, and when they were written last: differs as soon as one was replaced.
  static std::string Identity(const TlsOptions& options);
  void RemindOfExpiry(shared::WallTime now);

  const TlsOptions options_;
  shared::Guarded<State> state_;
  // Of CheckFiles alone.
  std::string loaded_;  // Identity of what was loaded, or refused, last
  std::string seen_;    // at the last call
  shared::WallTime next_reminder_{};
};

}  // namespace collector::http
