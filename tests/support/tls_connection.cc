#include "tests/support/tls_connection.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <csignal>

#include "shared/base/check.h"
#include "shared/base/unique_fd.h"

namespace tests {
namespace {

BIO* Memory(const std::string& text) {
  return BIO_new_mem_buf(text.data(), static_cast<int>(text.size()));
}

void Trust(SSL_CTX* context, const std::string& pem) {
  BIO* const memory = Memory(pem);
  X509* const authority = PEM_read_bio_X509(memory, nullptr, nullptr, nullptr);
  CHECK(authority != nullptr);
  X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  X509_free(authority);
  BIO_free(memory);
}

void Show(SSL_CTX* context, const TlsClientOptions& options) {
  BIO* const cert_memory = Memory(options.cert_pem);
  BIO* const key_memory = Memory(options.key_pem);
  X509* const certificate = PEM_read_bio_X509(cert_memory, nullptr, nullptr, nullptr);
  EVP_PKEY* const key = PEM_read_bio_PrivateKey(key_memory, nullptr, nullptr, nullptr);
  CHECK(SSL_CTX_use_certificate(context, certificate) == 1);
  CHECK(SSL_CTX_use_PrivateKey(context, key) == 1);
  X509_free(certificate);
  EVP_PKEY_free(key);
  BIO_free(cert_memory);
  BIO_free(key_memory);
}

shared::UniqueFd Connect(uint16_t port) {
  shared::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  timeval limit{60, 0};  // a test that hangs fails instead
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  // NOLINTNEXTLINE: the sockets interface wants this cast.
  ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
  return fd;
}

}  // namespace

struct TlsConnection::Impl {
  ~Impl() {
    SSL_free(ssl);
    SSL_CTX_free(context);
  }
  void TakeError(int result) {
    const int kind = SSL_get_error(ssl, result);
    const unsigned long code = ERR_peek_error();
    const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
    error = reason != nullptr ? reason : kind == SSL_ERROR_ZERO_RETURN ? "closed" : "cut off";
    ERR_clear_error();
  }

  shared::UniqueFd fd;
  SSL_CTX* context = nullptr;
  SSL* ssl = nullptr;
  bool ok = false;
  std::string error;
  std::string pending;
};

TlsConnection::TlsConnection(uint16_t port, const TlsClientOptions& options)
    : impl_(std::make_unique<Impl>()) {
  ERR_clear_error();
  ::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes with write(2)
  impl_->fd = Connect(port);
  impl_->context = SSL_CTX_new(TLS_client_method());
  if (!options.ca_pem.empty()) Trust(impl_->context, options.ca_pem);
  if (!options.cert_pem.empty()) Show(impl_->context, options);
  if (options.max_version != 0) {
    SSL_CTX_set_security_level(impl_->context, 0);
    SSL_CTX_set_min_proto_version(impl_->context, 0);
    SSL_CTX_set_max_proto_version(impl_->context, options.max_version);
  }
  static constexpr unsigned char kOffered[] = "\x02h2\x08http/1.1";
  SSL_CTX_set_alpn_protos(impl_->context, kOffered, sizeof kOffered - 1);
  impl_->ssl = SSL_new(impl_->context);
  std::string name = "localhost";
  SSL_ctrl(impl_->ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data());
  if (!options.ca_pem.empty()) SSL_set1_host(impl_->ssl, "localhost");
  SSL_set_fd(impl_->ssl, impl_->fd.get());
  const int result = SSL_connect(impl_->ssl);
  impl_->ok = result == 1;
  if (!impl_->ok) impl_->TakeError(result);
}

TlsConnection::~TlsConnection() = default;

bool TlsConnection::ok() const {
  return impl_->ok;
}

const std::string& TlsConnection::error() const {
  return impl_->error;
}

std::string TlsConnection::protocol() const {
  return SSL_get_version(impl_->ssl);
}

std::string TlsConnection::application_protocol() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(impl_->ssl, &name, &size);
  return {name, name + size};
}

bool TlsConnection::Send(std::string_view bytes) {
  size_t written = 0;
  if (SSL_write_ex(impl_->ssl, bytes.data(), bytes.size(), &written) == 1) return true;
  impl_->TakeError(0);
  return false;
}

std::string TlsConnection::ReceiveResponse() {
  std::string& pending = impl_->pending;
  while (true) {
    const size_t header_end = pending.find("\r\n\r\n");
    if (header_end != std::string::npos) {
      const size_t field = pending.find("Content-Length: ");
      const size_t length = field < header_end ? std::stoul(pending.substr(field + 16)) : 0;
      if (pending.size() >= header_end + 4 + length) {
        std::string response = pending.substr(0, header_end + 4 + length);
        pending.erase(0, response.size());
        return response;
      }
    }
    char buffer[4096];
    size_t got = 0;
    const int result = SSL_read_ex(impl_->ssl, buffer, sizeof buffer, &got);
    if (result != 1) {
      impl_->TakeError(result);
      return pending;
    }
    pending.append(buffer, got);
  }
}

}  // namespace tests
