#include "collector/http/tls_certificates.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <algorithm>
#include <ctime>
#include <string_view>
#include <utility>

#include "shared/base/file.h"
#include "shared/log/log.h"
#include "shared/text/time_text.h"

namespace collector::http {
namespace {

using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::WallTime;

constexpr std::chrono::days kWarnBefore{21};
constexpr std::chrono::days kRemindEvery{1};
constexpr size_t kLargestFile = 1 << 20;
// TLS 1.2 with forward secrecy and authenticated encryption; 1.3 has nothing else.
constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr unsigned char kHttp11[] = "\x08http/1.1";
constexpr long kTicketSeconds = 3600;

struct Material {
  std::shared_ptr<SSL_CTX> context;
  WallTime not_before;
  WallTime not_after;
};

// The first of its errors: those that follow are its echo.
std::string OpensslReason() {
  const unsigned long code = ERR_peek_error();
  ERR_clear_error();
  const char* reason = ERR_reason_error_string(code);
  return reason == nullptr ? "unknown error" : reason;
}

tl::unexpected<shared::Error> FailFile(const std::string& path, std::string_view why) {
  return Fail(ErrorCode::kInvalidInput, "{}: {}", path, why);
}

WallTime ToWallTime(const ASN1_TIME* time) {
  std::tm parts{};
  ASN1_TIME_to_tm(time, &parts);
  return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

Result<void> CheckReadable(const std::string& path) {
  const Result<std::string> text = shared::ReadFile(path, kLargestFile);
  if (!text) return FailFile(path, text.error().message);
  return {};
}

// "http/1.1" to a client that offers it; to others nothing: they speak it anyway.
int ChooseProtocol(SSL*, const unsigned char** out, unsigned char* out_size,
                   const unsigned char* offered, unsigned offered_size, void*) {
  unsigned char* chosen = nullptr;
  const int found =
      SSL_select_next_proto(&chosen, out_size, kHttp11, sizeof kHttp11 - 1, offered, offered_size);
  *out = chosen;
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

int NoPassphrase(char*, int, int, void*) {
  return 0;  // OpenSSL's own would ask at the terminal
}

void SetProtocol(SSL_CTX* context, const TlsOptions& options) {
  SSL_CTX_set_min_proto_version(context,
                                options.version_1_3_only ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(context, kCiphers);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
  // Thousands of connections are idle most of their time: their buffers go back meanwhile.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // Resumption is by tickets, which cost us no memory. They are worth nothing after a reload.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 1);
  SSL_CTX_set_timeout(context, kTicketSeconds);
  SSL_CTX_set_session_id_context(context, kHttp11, sizeof kHttp11 - 1);
  SSL_CTX_set_alpn_select_cb(context, &ChooseProtocol, nullptr);
  SSL_CTX_set_default_passwd_cb(context, &NoPassphrase);
}

Result<void> LoadClientAuthorities(SSL_CTX* context, const TlsOptions& options) {
  if (options.clients == ClientCertificates::kNone) return {};
  const std::string& path = options.client_ca_file;
  RETURN_IF_ERROR(CheckReadable(path));
  if (SSL_CTX_load_verify_file(context, path.c_str()) != 1) {
    return FailFile(path, OpensslReason());
  }
  STACK_OF(X509_NAME)* const names = SSL_load_client_CA_file(path.c_str());
  if (names == nullptr) return FailFile(path, OpensslReason());
  SSL_CTX_set_client_CA_list(context, names);  // owns them now
  const bool required = options.clients == ClientCertificates::kRequired;
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                     nullptr);
  return {};
}

Result<Material> LoadMaterial(const TlsOptions& options) {
  ERR_clear_error();
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free);
  if (context == nullptr) return Fail(ErrorCode::kInternal, "SSL_CTX_new: {}", OpensslReason());
  SetProtocol(context.get(), options);
  RETURN_IF_ERROR(CheckReadable(options.cert_file));
  RETURN_IF_ERROR(CheckReadable(options.key_file));
  if (SSL_CTX_use_certificate_chain_file(context.get(), options.cert_file.c_str()) != 1) {
    return FailFile(options.cert_file, OpensslReason());
  }
  if (SSL_CTX_use_PrivateKey_file(context.get(), options.key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    const bool mismatch = ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH ||
                          ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_TYPE_MISMATCH;
    const std::string reason = OpensslReason();
    return FailFile(options.key_file,
                    mismatch ? "does not belong to the certificate in " + options.cert_file
                             : "no private key in PEM without a passphrase: " + reason);
  }
  RETURN_IF_ERROR(LoadClientAuthorities(context.get(), options));
  const X509* const certificate = SSL_CTX_get0_certificate(context.get());
  return Material{context, ToWallTime(X509_get0_notBefore(certificate)),
                  ToWallTime(X509_get0_notAfter(certificate))};
}

void LogExpiry(const TlsOptions& options, WallTime not_after, WallTime now) {
  const auto remark = TlsCertificates::ExpiryRemark(options.cert_file, not_after, now);
  if (!remark) return;
  if (not_after <= now) {
    shared::log::Error("{}: clients refuse it", *remark);
  } else {
    shared::log::Warn("{}", *remark);
  }
}

}  // namespace

TlsCertificates::TlsCertificates(const TlsOptions& options, std::string identity, State state)
    : options_(options), state_(std::move(state)), loaded_(identity), seen_(std::move(identity)) {}

Result<std::unique_ptr<TlsCertificates>> TlsCertificates::Load(const TlsOptions& options) {
  std::string identity = Identity(options);  // before they are read: a later change is seen
  ASSIGN_OR_RETURN(Material material, LoadMaterial(options));
  return std::unique_ptr<TlsCertificates>(
      new TlsCertificates(options, std::move(identity),
                          State{std::move(material.context), TlsStatus{material.not_after}}));
}

std::string TlsCertificates::Identity(const TlsOptions& options) {
  std::string out;
  for (const std::string& path : {options.cert_file, options.key_file, options.client_ca_file}) {
    struct stat status {};
    if (path.empty() || ::stat(path.c_str(), &status) != 0) {
      out += "none ";
      continue;
    }
    out += fmt::format("{}:{}:{}:{}.{} ", status.st_dev, status.st_ino, status.st_size,
                       status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
  }
  return out;
}

std::shared_ptr<SSL_CTX> TlsCertificates::Current() const {
  return state_.With([](const State& state) { return state.context; });
}

TlsStatus TlsCertificates::Status() const {
  return state_.With([](const State& state) { return state.status; });
}

Result<void> TlsCertificates::Reload(WallTime now) {
  Result<Material> material = LoadMaterial(options_);
  if (material && material->not_after <= now) {
    material =
        FailFile(options_.cert_file, "expired at " + shared::text::FormatTime(material->not_after));
  }
  if (material && material->not_before > now) {
    material = FailFile(options_.cert_file,
                        "is not valid before " + shared::text::FormatTime(material->not_before));
  }
  state_.With([&](State& state) {
    if (material) {
      state.context.swap(material->context);  // the old one goes outside of the lock
      state.status.not_after = material->not_after;
      state.status.reloads_total += 1;
    } else {
      state.status.reload_failures_total += 1;
    }
  });
  if (!material) return tl::make_unexpected(std::move(material).error());
  return {};
}

void TlsCertificates::CheckFiles(WallTime now) {
  const std::string identity = Identity(options_);
  if (std::exchange(seen_, identity) == identity && identity != loaded_) {
    loaded_ = identity;
    if (const Result<void> reloaded = Reload(now); reloaded) {
      next_reminder_ = {};
      shared::log::Info("TLS: {} was loaded again, valid until {}", options_.cert_file,
                        shared::text::FormatTime(Status().not_after));
    } else {
      shared::log::Error("TLS: {}; the certificate loaded before stays in use",
                         reloaded.error().message);
    }
  }
  RemindOfExpiry(now);
}

void TlsCertificates::RemindOfExpiry(WallTime now) {
  if (now < next_reminder_) return;
  next_reminder_ = now + kRemindEvery;
  LogExpiry(options_, Status().not_after, now);
}

std::optional<std::string> TlsCertificates::ExpiryRemark(const std::string& cert_file,
                                                         WallTime not_after, WallTime now) {
  const std::string when = shared::text::FormatTime(not_after);
  if (not_after <= now) return fmt::format("TLS: {} has expired, at {}", cert_file, when);
  if (not_after - now >= kWarnBefore) return std::nullopt;
  return fmt::format("TLS: {} expires in {} days, at {}", cert_file,
                     std::chrono::floor<std::chrono::days>(not_after - now).count(), when);
}

}  // namespace collector::http
