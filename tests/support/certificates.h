#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

struct evp_pkey_st;
struct x509_st;

namespace tests {

struct Issued {
  std::string cert_pem;
  std::string key_pem;
};

struct CertificateOptions {
  // Alternative names as OpenSSL's configuration writes them: "DNS:localhost", "URI:spiffe://x".
  std::vector<std::string> names{"DNS:localhost", "IP:127.0.0.1"};
  std::chrono::seconds begins{-3600};  // from now
  std::chrono::seconds ends{90 * 86'400};
};

// A certification authority of one test, made with OpenSSL; keys are P-256.
class Authority {
 public:
  explicit Authority(const std::string& name);
  ~Authority();
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

  [[nodiscard]] const std::string& pem() const { return pem_; }
  [[nodiscard]] Issued Issue(const CertificateOptions& options = {}) const;

 private:
  evp_pkey_st* key_;
  x509_st* certificate_;
  std::string pem_;
};

// Replaces the file at once, as a renewal does: writes another and renames it.
void ReplaceFile(const std::string& path, const std::string& content);

}  // namespace tests
