#include "shared/base/service_notifier.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>

#include "tests/support/temporary_directory.h"

namespace {

using shared::ServiceNotifier;
using tests::TemporaryDirectory;

// The manager's end: a datagram socket in a directory.
class Listener {
 public:
  Listener() : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path().copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  [[nodiscard]] std::string path() const { return directory_ / "notify"; }
  // The next message; "" when there is none.
  [[nodiscard]] std::string Take() const {
    std::array<char, 4096> buffer{};
    const ssize_t size = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    return size < 0 ? "" : std::string(buffer.data(), static_cast<size_t>(size));
  }

 private:
  const TemporaryDirectory directory_;
  const shared::UniqueFd fd_;
};

class Environment {
 public:
  void Set(const char* name, const std::string& value) const { ::setenv(name, value.c_str(), 1); }
  ~Environment() {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
  }
};

TEST(ServiceNotifier, TellsEachTurnInItsLife) {
  const Listener listener;
  auto notifier = ServiceNotifier::Connect(listener.path());
  ASSERT_TRUE(notifier) << notifier.error().message;
  notifier->Ready("collector https://c:8480");
  EXPECT_EQ(listener.Take(), "READY=1\nSTATUS=collector https://c:8480");
  notifier->Reloading();
  EXPECT_EQ(listener.Take().substr(0, 27), "RELOADING=1\nMONOTONIC_USEC=");
  notifier->Ready("a line\nREADY=0");
  EXPECT_EQ(listener.Take(), "READY=1\nSTATUS=a line READY=0");
  notifier->Alive();
  EXPECT_EQ(listener.Take(), "WATCHDOG=1");
  notifier->Stopping();
  EXPECT_EQ(listener.Take(), "STOPPING=1");
}

TEST(ServiceNotifier, DoesNothingWhereNobodyListens) {
  const Environment environment;
  auto notifier = ServiceNotifier::FromEnvironment();
  ASSERT_TRUE(notifier) << notifier.error().message;
  EXPECT_EQ(notifier->alive_period(), std::nullopt);
  notifier->Ready("unheard");
}

TEST(ServiceNotifier, OutlivesItsManager) {
  auto listener = std::make_unique<Listener>();
  auto notifier = ServiceNotifier::Connect(listener->path());
  ASSERT_TRUE(notifier) << notifier.error().message;
  listener.reset();
  notifier->Alive();
  notifier->Stopping();
}

TEST(ServiceNotifier, WantsASignOfLifeThreeTimesWithinTheWatchdogsPatience) {
  const Environment environment;
  const Listener listener;
  environment.Set("NOTIFY_SOCKET", listener.path());
  environment.Set("WATCHDOG_USEC", "90000000");
  const auto period = [] {
    const auto notifier = ServiceNotifier::FromEnvironment();
    EXPECT_TRUE(notifier);
    return notifier ? notifier->alive_period() : std::nullopt;
  };
  EXPECT_EQ(period(), std::chrono::seconds(30));
  environment.Set("WATCHDOG_PID", std::to_string(::getpid()));
  EXPECT_EQ(period(), std::chrono::seconds(30));
  environment.Set("WATCHDOG_PID", "1");
  EXPECT_EQ(period(), std::nullopt);
}

TEST(ServiceNotifier, SaysWhatIsWrongWithTheSocket) {
  const auto message = [](std::string_view address) {
    const auto notifier = ServiceNotifier::Connect(address);
    return notifier ? "" : notifier.error().message;
  };
  EXPECT_EQ(message("run/notify"),
            "NOTIFY_SOCKET is \"run/notify\": expected an absolute path or @name");
  EXPECT_EQ(message("/nowhere/notify"),
            "NOTIFY_SOCKET: connect to /nowhere/notify: No such file or directory");
}

}  // namespace
