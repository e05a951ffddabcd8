#include "agent/options.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "shared/base/unique_fd.h"
#include "tests/support/raw_server.h"

namespace agent {
namespace {

using std::chrono::milliseconds;

// A socket file that nobody serves, gone with the object.
class SocketFile {
 public:
  explicit SocketFile(std::string path)
      : path_(std::move(path)), fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
    // NOLINTNEXTLINE: the sockets interface wants this cast.
    const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
    if (::bind(fd_.get(), generic, sizeof address) != 0) ADD_FAILURE() << "bind " << path_;
  }
  SocketFile(const SocketFile&) = delete;
  SocketFile& operator=(const SocketFile&) = delete;
  ~SocketFile() { ::unlink(path_.c_str()); }

 private:
  const std::string path_;
  const shared::UniqueFd fd_;
};

TEST(SessionOptionsOf, CarriesWhatTheTargetSays) {
  config::PostgresTarget target;
  target.name = "orders";
  target.host = "db.example.com";
  target.port = 6432;
  target.user = "watcher";
  target.database = "app";
  target.password = shared::Secret("s3cret");
  target.sslmode = "verify-full";
  target.sslrootcert = "/etc/ssl/ca.pem";
  target.allow_superuser = true;
  target.statement_timeout = milliseconds(700);
  target.lock_timeout = milliseconds(20);
  const postgres::SessionOptions options = SessionOptionsOf(target);
  EXPECT_EQ(options.target, "orders");
  EXPECT_EQ(options.host, "db.example.com");
  EXPECT_EQ(options.port, 6432);
  EXPECT_EQ(options.user, "watcher");
  EXPECT_EQ(options.database, "app");
  EXPECT_EQ(options.password.Reveal(), "s3cret");
  EXPECT_EQ(options.sslmode, "verify-full");
  EXPECT_EQ(options.sslrootcert, "/etc/ssl/ca.pem");
  EXPECT_TRUE(options.allow_superuser);
  EXPECT_EQ(options.statement_timeout, milliseconds(700));
  EXPECT_EQ(options.lock_timeout, milliseconds(20));
}

TEST(SessionOptionsOf, FindsTheDirectoryThatHasThePortsSocket) {
  const tests::ClosedPort port;  // a number that no other program uses just now
  config::PostgresTarget target;
  target.port = port.port();
  EXPECT_EQ(SessionOptionsOf(target).host, config::kSocketDirectories[0]);
  const SocketFile socket(fmt::format("/tmp/.s.PGSQL.{}", port.port()));
  EXPECT_EQ(SessionOptionsOf(target).host, "/tmp");
}

TEST(HostOptionsOf, CarriesRootsListsAndInterval) {
  config::AgentConfig config;
  config.agent.proc_root = "/host/proc";
  config.agent.sys_root = "/host/sys";
  config.host.interval = milliseconds(1'000);
  config.host.per_cpu = true;
  config.host.ignore_devices = {"nbd*"};
  config.host.ignore_interfaces = {"docker*"};
  config.host.ignore_filesystem_types = {"tmpfs"};
  config.host.ignore_mount_points = {"/mnt/*"};
  const host::HostOptions options = HostOptionsOf(config);
  EXPECT_EQ(options.proc_root, "/host/proc");
  EXPECT_EQ(options.sys_root, "/host/sys");
  EXPECT_EQ(options.interval, milliseconds(1'000));
  EXPECT_TRUE(options.per_cpu);
  EXPECT_EQ(options.ignored_disks, config.host.ignore_devices);
  EXPECT_EQ(options.ignored_interfaces, config.host.ignore_interfaces);
  EXPECT_EQ(options.ignored_filesystem_types, config.host.ignore_filesystem_types);
  EXPECT_EQ(options.ignored_mountpoints, config.host.ignore_mount_points);
}

TEST(ClientConfigOf, CarriesTlsTimeoutsAndProxy) {
  config::CollectorLink link;
  link.ca_file = "/etc/ca.pem";
  link.cert_file = "/etc/cert.pem";
  link.key_file = "/etc/key.pem";
  link.verify = false;
  link.timeout = milliseconds(3'000);
  link.proxy = "http://proxy:3128";
  const shared::http::ClientConfig client = ClientConfigOf(link);
  EXPECT_EQ(client.tls.ca_file, "/etc/ca.pem");
  EXPECT_EQ(client.tls.cert_file, "/etc/cert.pem");
  EXPECT_EQ(client.tls.key_file, "/etc/key.pem");
  EXPECT_FALSE(client.tls.verify);
  EXPECT_EQ(client.request_timeout, milliseconds(3'000));
  EXPECT_EQ(client.connect_timeout, milliseconds(3'000)) << "never longer than the request";
  EXPECT_EQ(client.proxy, "http://proxy:3128");
}

TEST(SyslogPathOf, IsTheConfiguredFileAndNoneWhenSwitchedOff) {
  config::Syslog syslog;
  syslog.path = "/srv/log/all.log";
  EXPECT_EQ(SyslogPathOf(syslog), "/srv/log/all.log");
  syslog.enabled = false;
  EXPECT_EQ(SyslogPathOf(syslog), "");
}

}  // namespace
}  // namespace agent
