#include "tests/support/certificates.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <ctime>

#include "shared/base/check.h"
#include "shared/base/file.h"

namespace tests {
namespace {

void AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  CHECK(extension != nullptr);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

X509* Make(EVP_PKEY* key, const std::string& common_name, std::chrono::seconds begins,
           std::chrono::seconds ends) {
  X509* const certificate = X509_new();
  X509_set_version(certificate, X509_VERSION_3);
  uint64_t serial = 0;
  CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) == 1);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1);
  const time_t now = std::time(nullptr);
  ASN1_TIME_set(X509_getm_notBefore(certificate), now + begins.count());
  ASN1_TIME_set(X509_getm_notAfter(certificate), now + ends.count());
  X509_set_pubkey(certificate, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1,
                             0);
  return certificate;
}

template <typename Write>
std::string ToPem(Write write) {
  BIO* const memory = BIO_new(BIO_s_mem());
  CHECK(write(memory) == 1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory, &text);
  std::string pem(text, static_cast<size_t>(size));
  BIO_free(memory);
  return pem;
}

}  // namespace

Authority::Authority(const std::string& name) : key_(EVP_EC_gen("P-256")) {
  using std::chrono::hours;
  certificate_ = Make(key_, name, hours(-24), hours(24 * 365));
  X509_set_issuer_name(certificate_, X509_get_subject_name(certificate_));
  AddExtension(certificate_, certificate_, NID_basic_constraints, "critical,CA:TRUE");
  AddExtension(certificate_, certificate_, NID_key_usage, "critical,keyCertSign,cRLSign");
  AddExtension(certificate_, certificate_, NID_subject_key_identifier, "hash");
  CHECK(X509_sign(certificate_, key_, EVP_sha256()) > 0);
  pem_ = ToPem([&](BIO* out) { return PEM_write_bio_X509(out, certificate_); });
}

Authority::~Authority() {
  X509_free(certificate_);
  EVP_PKEY_free(key_);
}

Issued Authority::Issue(const CertificateOptions& options) const {
  EVP_PKEY* const key = EVP_EC_gen("P-256");
  X509* const certificate = Make(key, "nobody reads this", options.begins, options.ends);
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate_));
  std::string names;
  for (const std::string& name : options.names) names += (names.empty() ? "" : ",") + name;
  if (!names.empty()) AddExtension(certificate, certificate_, NID_subject_alt_name, names);
  CHECK(X509_sign(certificate, key_, EVP_sha256()) > 0);
  Issued issued;
  issued.cert_pem = ToPem([&](BIO* out) { return PEM_write_bio_X509(out, certificate); });
  issued.key_pem = ToPem([&](BIO* out) {
    return PEM_write_bio_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
  X509_free(certificate);
  EVP_PKEY_free(key);
  return issued;
}

void ReplaceFile(const std::string& path, const std::string& content) {
  CHECK(shared::WriteFileDurably(path, content).has_value());
}

}  // namespace tests
