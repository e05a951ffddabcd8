#include "collector/http/tls_peer.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <memory>

namespace collector::http {
namespace {

struct X509Deleter {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
struct NamesDeleter {
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};

std::string_view TextOf(const ASN1_STRING* text) {
  // NOLINTNEXTLINE: OpenSSL's bytes are unsigned.
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<size_t>(ASN1_STRING_length(text))};
}

// "IP:…" of 4 or 16 bytes; "" for anything else.
std::string AddressOf(std::string_view bytes) {
  char text[INET6_ADDRSTRLEN];
  if (bytes.size() != 4 && bytes.size() != 16) return {};
  const int family = bytes.size() == 4 ? AF_INET : AF_INET6;
  if (::inet_ntop(family, bytes.data(), text, sizeof text) == nullptr) return {};
  return std::string("IP:") + text;
}

std::string NameOf(const GENERAL_NAME& name) {
  switch (name.type) {
    case GEN_DNS:
      return "DNS:" + std::string(TextOf(name.d.dNSName));
    case GEN_URI:
      return "URI:" + std::string(TextOf(name.d.uniformResourceIdentifier));
    case GEN_EMAIL:
      return "email:" + std::string(TextOf(name.d.rfc822Name));
    case GEN_IPADD:
      return AddressOf(TextOf(name.d.iPAddress));
    default:
      return {};
  }
}

bool IsPrintable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

std::string ReasonOfVerification(long result) {
  switch (result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "client_certificate_expired";
    default:
      return "client_certificate_refused";
  }
}

std::string ReasonOf(int reason) {
  // An alert that the peer sent has its number plus this one.
  if (reason > SSL_AD_REASON_OFFSET) {
    const int alert = reason - SSL_AD_REASON_OFFSET;
    const bool of_certificate = alert >= SSL_AD_BAD_CERTIFICATE && alert <= SSL_AD_UNKNOWN_CA;
    return of_certificate && alert != SSL_AD_ILLEGAL_PARAMETER ? "peer_refused_certificate"
                                                               : "peer_alert";
  }
  switch (reason) {
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_WRONG_VERSION_NUMBER:
      return "not_tls";
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_UNKNOWN_PROTOCOL:
    case SSL_R_NO_PROTOCOLS_AVAILABLE:
    case SSL_R_VERSION_TOO_LOW:
      return "protocol_version";
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
      return "no_shared_cipher";
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return "client_certificate_missing";
    default:
      return "malformed";
  }
}

}  // namespace

std::vector<std::string> PeerNames(const SSL* connection) {
  std::vector<std::string> out;
  const std::unique_ptr<X509, X509Deleter> certificate(SSL_get1_peer_certificate(connection));
  if (certificate == nullptr || SSL_get_verify_result(connection) != X509_V_OK) return out;
  const std::unique_ptr<GENERAL_NAMES, NamesDeleter> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate.get(), NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    std::string name = NameOf(*sk_GENERAL_NAME_value(names.get(), i));
    if (!name.empty() && IsPrintable(name)) out.push_back(std::move(name));
  }
  return out;
}

HandshakeFailure TakeHandshakeFailure(const SSL* connection) {
  const unsigned long code = ERR_peek_error();  // the first: what follows is its echo
  ERR_clear_error();
  HandshakeFailure failure;
  if (code == 0) {
    failure.reason = "closed";
    failure.detail = "the peer closed the connection";
    return failure;
  }
  const char* words = ERR_reason_error_string(code);
  failure.detail = words == nullptr ? "unknown error" : words;
  const int reason = ERR_GET_REASON(code);
  if (ERR_GET_LIB(code) == ERR_LIB_SSL && reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
    const long result = SSL_get_verify_result(connection);
    failure.reason = ReasonOfVerification(result);
    failure.detail = X509_verify_cert_error_string(result);
    return failure;
  }
  failure.reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ReasonOf(reason) : "malformed";
  failure.spoke_http = reason == SSL_R_HTTP_REQUEST;
  return failure;
}

}  // namespace collector::http
