#include "collector/http/tls_certificates.h"

#include <gtest/gtest.h>

#include "shared/text/time_text.h"
#include "tests/support/certificates.h"
#include "tests/support/temporary_directory.h"

namespace collector::http {
namespace {

using shared::WallTime;
using std::chrono::hours;
using tests::ReplaceFile;

class TlsCertificatesTest : public testing::Test {
 protected:
  TlsCertificatesTest() { Write(authority_.Issue()); }
  void Write(const tests::Issued& issued) {
    ReplaceFile(options_.cert_file, issued.cert_pem);
    ReplaceFile(options_.key_file, issued.key_pem);
  }
  static WallTime Now() { return shared::SystemClock().Now(); }
  [[nodiscard]] std::string LoadError() const {
    const auto loaded = TlsCertificates::Load(options_);
    if (loaded) return "";
    EXPECT_EQ(loaded.error().code, shared::ErrorCode::kInvalidInput);
    return loaded.error().message;
  }

  const tests::TemporaryDirectory directory_;
  const tests::Authority authority_{"authority"};
  TlsOptions options_{.cert_file = directory_ / "tls.pem", .key_file = directory_ / "tls.key"};
};

TEST_F(TlsCertificatesTest, SaysWhichFileIsWrong) {
  EXPECT_EQ(LoadError(), "");
  const std::string cert = options_.cert_file;
  const std::string key = options_.key_file;
  options_.key_file = directory_ / "absent";
  EXPECT_EQ(LoadError(),
            options_.key_file + ": open " + options_.key_file + ": No such file or directory");
  options_.key_file = key;
  ReplaceFile(key, authority_.Issue().key_pem);
  EXPECT_EQ(LoadError(), key + ": does not belong to the certificate in " + cert);
  ReplaceFile(key, "no key");
  EXPECT_EQ(LoadError(), key + ": no private key in PEM without a passphrase: unsupported");
  ReplaceFile(cert, "");
  EXPECT_EQ(LoadError(), cert + ": no start line");
  Write(authority_.Issue());
  options_.clients = ClientCertificates::kRequired;
  options_.client_ca_file = directory_ / "ca.pem";
  ReplaceFile(options_.client_ca_file,
              "-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n");
  EXPECT_NE(LoadError().find(options_.client_ca_file + ": "), std::string::npos) << LoadError();
  ReplaceFile(options_.client_ca_file, authority_.pem());
  EXPECT_EQ(LoadError(), "");
}

TEST_F(TlsCertificatesTest, TakesChangedFilesOnceTheyStandStill) {
  auto certificates = TlsCertificates::Load(options_);
  ASSERT_TRUE(certificates) << certificates.error().message;
  const auto before = (*certificates)->Current();
  (*certificates)->CheckFiles(Now());
  EXPECT_EQ((*certificates)->Current(), before);

  const tests::Issued next = authority_.Issue({.ends = hours(24 * 60)});
  ReplaceFile(options_.cert_file, next.cert_pem);
  (*certificates)->CheckFiles(Now());  // changed since the last look: not yet
  ReplaceFile(options_.key_file, next.key_pem);
  (*certificates)->CheckFiles(Now());  // again
  EXPECT_EQ((*certificates)->Current(), before);
  (*certificates)->CheckFiles(Now());
  EXPECT_NE((*certificates)->Current(), before);
  const TlsStatus status = (*certificates)->Status();
  EXPECT_EQ(status.reloads_total, 1u);
  EXPECT_EQ(status.reload_failures_total, 0u);
  EXPECT_LT(status.not_after, Now() + hours(24 * 61));
}

TEST_F(TlsCertificatesTest, KeepsTheOldOneWhenTheNewOneIsBad) {
  auto certificates = TlsCertificates::Load(options_);
  ASSERT_TRUE(certificates);
  const auto before = (*certificates)->Current();
  ReplaceFile(options_.key_file, authority_.Issue().key_pem);
  (*certificates)->CheckFiles(Now());
  for (int i = 0; i < 3; ++i) (*certificates)->CheckFiles(Now());  // tried once, not every time
  EXPECT_EQ((*certificates)->Status().reload_failures_total, 1u);
  Write(authority_.Issue({.begins = hours(-48), .ends = hours(-24)}));
  const auto expired = (*certificates)->Reload(Now());
  ASSERT_FALSE(expired);
  EXPECT_EQ(expired.error().message.substr(0, options_.cert_file.size() + 13),
            options_.cert_file + ": expired at ");
  Write(authority_.Issue({.begins = hours(24), .ends = hours(48)}));
  const auto early = (*certificates)->Reload(Now());
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().message.substr(0, options_.cert_file.size() + 22),
            options_.cert_file + ": is not valid before ");
  EXPECT_EQ((*certificates)->Status().reload_failures_total, 3u);
  EXPECT_EQ((*certificates)->Status().reloads_total, 0u);
  EXPECT_EQ((*certificates)->Current(), before);
}

TEST(TlsExpiry, IsTalkedAboutThreeWeeksAhead) {
  const WallTime now = *shared::text::ParseTime("2026-11-21T08:00:00Z", {});
  const auto remark = [&](hours left) {
    return TlsCertificates::ExpiryRemark("/tls.pem", now + left, now).value_or("");
  };
  EXPECT_EQ(remark(hours(21 * 24)), "");
  EXPECT_EQ(remark(hours(21 * 24 - 1)),
            "TLS: /tls.pem expires in 20 days, at 2026-12-12T07:00:00.000000Z");
  EXPECT_EQ(remark(hours(2)), "TLS: /tls.pem expires in 0 days, at 2026-11-21T10:00:00.000000Z");
  EXPECT_EQ(remark(hours(0)), "TLS: /tls.pem has expired, at 2026-11-21T08:00:00.000000Z");
}

}  // namespace
}  // namespace collector::http
