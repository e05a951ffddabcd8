#include "tests/support/postgres_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "shared/base/unique_fd.h"

namespace tests {
namespace {

using shared::postgres::Connection;
using shared::postgres::ConnectOptions;

[[noreturn]] void Fatal(const std::string& message) {
  fmt::print(stderr, "PostgresServer: {}\n", message);
  std::fflush(stderr);
  std::abort();
}

std::string Binary(std::string_view name) {
  const char* const configured = std::getenv("PGVIGIL_PG_BIN");
  const std::string folder = configured != nullptr ? configured : "/usr/lib/postgresql/15/bin";
  std::string path = fmt::format("{}/{}", folder, name);
  if (::access(path.c_str(), X_OK) != 0) {
    Fatal(
        fmt::format("{} is missing: apt-get install postgresql-15, or set PGVIGIL_PG_BIN to the "
                    "folder of another version's binaries",
                    path));
  }
  return path;
}

// PostgreSQL refuses to run as root.
const passwd* ServerUser() {
  if (::geteuid() != 0) return nullptr;
  static const passwd* const user = ::getpwnam("postgres");
  if (user == nullptr) Fatal("the test runs as root and there is no user \"postgres\"");
  return user;
}

std::string ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Starts a program as the server's user; its output goes to the end of `log`. When `tied`, it is
// told to stop at once when this process dies, however that happens.
pid_t Spawn(const std::vector<std::string>& arguments, const std::string& log, bool tied) {
  const passwd* const user = ServerUser();
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const pid_t child = ::fork();
  if (child < 0) Fatal(fmt::format("fork: {}", std::strerror(errno)));
  if (child > 0) return child;
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  const int in = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (out < 0 || in < 0) ::_exit(126);
  ::dup2(in, 0);
  ::dup2(out, 1);
  ::dup2(out, 2);
  ::setsid();  // a Ctrl-C at the terminal is for the test alone
  if (user != nullptr && (::setgroups(0, nullptr) != 0 || ::setgid(user->pw_gid) != 0 ||
                          ::setuid(user->pw_uid) != 0 || ::chdir("/") != 0)) {
    ::_exit(126);
  }
  if (tied) ::prctl(PR_SET_PDEATHSIG, SIGQUIT);  // after setuid, which clears it
  ::execv(argv[0], argv.data());
  ::_exit(127);
}

void RunToEnd(const std::vector<std::string>& arguments, const std::string& log) {
  int status = 0;
  const pid_t child = Spawn(arguments, log, false);
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    Fatal(fmt::format("{} failed:\n{}", arguments[0], ReadText(log)));
  }
}

std::string MakeDirectory() {
  std::string path = "/tmp/pgvigil-test-XXXXXX";  // short: a socket's path has 107 bytes at most
  if (::mkdtemp(path.data()) == nullptr) Fatal(fmt::format("mkdtemp: {}", std::strerror(errno)));
  const passwd* const user = ServerUser();
  if (user != nullptr && ::chown(path.c_str(), user->pw_uid, user->pw_gid) != 0) {
    Fatal(fmt::format("chown {}: {}", path, std::strerror(errno)));
  }
  if (::chmod(path.c_str(), 0755) != 0) Fatal(fmt::format("chmod {}", path));
  return path;
}

void RemoveDirectory(const std::string& path) {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

// The cluster that all servers of this process are copies of; removed at exit.
class Template {
 public:
  Template() : directory_(MakeDirectory()) {
    RunToEnd({Binary("initdb"), "-D", directory_ + "/data", "-U", "postgres", "-A", "trust", "-E",
              "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"},
             directory_ + "/initdb.log");
  }
  ~Template() { RemoveDirectory(directory_); }
  Template(const Template&) = delete;
  Template& operator=(const Template&) = delete;
  [[nodiscard]] std::string data() const { return directory_ + "/data"; }

 private:
  std::string directory_;
};

const Template& SharedTemplate() {
  static const Template made;
  return made;
}

// A port that was free a moment ago; whoever takes it meanwhile makes Start fail, loudly.
uint16_t FreePort() {
  const shared::UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(socket.get(), generic, length) != 0 ||
      ::getsockname(socket.get(), generic, &length) != 0) {
    Fatal(fmt::format("no free port: {}", std::strerror(errno)));
  }
  return ::ntohs(address.sin_port);
}

// State letter of /proc/<pid>/stat; 'X' when the process is gone.
char ProcessState(pid_t pid) {
  const std::string stat = ReadText(fmt::format("/proc/{}/stat", pid));
  const size_t close = stat.rfind(')');
  return close == std::string::npos || close + 2 >= stat.size() ? 'X' : stat[close + 2];
}

// Looks every 5 ms until `done`; false after `limit`.
template <typename Predicate>
bool WaitUntil(Predicate done, std::chrono::seconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    ::poll(nullptr, 0, 5);
  }
  return true;
}

}  // namespace

PostgresServer::PostgresServer(PostgresServerOptions options)
    : options_(std::move(options)), directory_(MakeDirectory()) {
  if (options_.tcp) port_ = FreePort();
  RunToEnd({"/bin/cp", "-a", SharedTemplate().data(), data_directory()}, directory_ + "/cp.log");
  WriteSettings();
  Start();
}

PostgresServer::PostgresServer(PostgresServerOptions options, WithoutData)
    : options_(std::move(options)), directory_(MakeDirectory()) {}

std::unique_ptr<PostgresServer> PostgresServer::MakeStandby(const std::string& slot,
                                                            const std::string& conninfo) const {
  PostgresServerOptions options = options_;
  options.settings.emplace_back("primary_conninfo", conninfo);
  options.settings.emplace_back("primary_slot_name", slot);
  std::unique_ptr<PostgresServer> standby(
      new PostgresServer(std::move(options), WithoutData{}));  // the constructor is private
  RunToEnd({Binary("pg_basebackup"), "-D", standby->data_directory(), "-X", "stream", "-c", "fast",
            "--no-sync", "-d", conninfo},
           standby->directory_ + "/basebackup.log");
  std::ofstream(standby->data_directory() + "/standby.signal");
  standby->WriteSettings();
  standby->Start();
  return standby;
}

PostgresServer::~PostgresServer() {
  if (postmaster_ > 0) {
    Thaw();
    ::kill(postmaster_, SIGQUIT);
    WaitUntil([&] { return ::waitpid(postmaster_, nullptr, WNOHANG) != 0; },
              std::chrono::seconds(10));
  }
  RemoveDirectory(directory_);
}

void PostgresServer::WriteSettings() const {
  std::ofstream conf(data_directory() + "/postgresql.conf", std::ios::app);
  const auto set = [&](std::string_view name, std::string_view value) {
    conf << fmt::format("{} = {}\n", name, shared::postgres::QuoteLiteral(value));
  };
  set("unix_socket_directories", directory_);
  set("listen_addresses", options_.tcp ? "127.0.0.1" : "");
  set("port", std::to_string(port_));
  set("fsync", options_.fsync ? "on" : "off");
  set("shared_buffers", "16MB");
  set("max_wal_size", "256MB");
  for (const auto& [name, value] : options_.settings) set(name, value);
  std::ofstream hba(data_directory() + "/pg_hba.conf", std::ios::trunc);
  if (options_.hba.empty()) {
    hba << "local all all trust\nlocal replication all trust\nhost all all 127.0.0.1/32 trust\n";
  }
  for (const std::string& line : options_.hba) hba << line << '\n';
  if (!conf.flush() || !hba.flush()) Fatal("writing the configuration failed");
}

void PostgresServer::Start() {
  if (postmaster_ > 0) Fatal("Start: the server runs already");
  postmaster_ =
      Spawn({Binary("postgres"), "-D", data_directory()}, directory_ + "/server.log", true);
  WaitUntilReady();
}

// Line 8 of postmaster.pid tells the state (src/include/utils/pidfile.h); line 1 whose it is.
void PostgresServer::WaitUntilReady() {
  const bool ready = WaitUntil(
      [&] {
        if (::waitpid(postmaster_, nullptr, WNOHANG) != 0) {
          Fatal(fmt::format("the server ended at its start:\n{}", Log()));
        }
        std::istringstream file(ReadText(data_directory() + "/postmaster.pid"));
        std::array<std::string, 8> lines;
        for (std::string& line : lines) std::getline(file, line);
        return lines[0] == std::to_string(postmaster_) &&
               (lines[7].starts_with("ready") || lines[7].starts_with("standby"));
      },
      std::chrono::seconds(60));
  if (!ready) Fatal(fmt::format("the server is not ready after 60 s:\n{}", Log()));
}

void PostgresServer::Stop() {
  if (postmaster_ <= 0) return;
  ::kill(postmaster_, SIGINT);
  if (!WaitUntil([&] { return ::waitpid(postmaster_, nullptr, WNOHANG) != 0; },
                 std::chrono::seconds(60))) {
    Fatal(fmt::format("the server does not stop:\n{}", Log()));
  }
  postmaster_ = -1;
}

std::vector<pid_t> PostgresServer::Processes() const {
  std::vector<pid_t> out{postmaster_};
  std::istringstream children(ReadText(fmt::format("/proc/{0}/task/{0}/children", postmaster_)));
  for (pid_t child = 0; children >> child;) out.push_back(child);
  return out;
}

void PostgresServer::Kill9() {
  if (postmaster_ <= 0) return;
  // Stopped first: a running postmaster would replace children that die before it.
  ::kill(postmaster_, SIGSTOP);
  const std::vector<pid_t> processes = Processes();
  for (const pid_t pid : processes) ::kill(pid, SIGKILL);
  while (::waitpid(postmaster_, nullptr, 0) < 0 && errno == EINTR) {
  }
  postmaster_ = -1;
  // Orphans hold the shared memory that a new postmaster must see unused. Who adopts them may leave
  // zombies; those hold nothing.
  for (const pid_t pid : processes) {
    const auto gone = [pid] { return ProcessState(pid) == 'X' || ProcessState(pid) == 'Z'; };
    if (!WaitUntil(gone, std::chrono::seconds(10))) Fatal("a killed backend does not go away");
  }
}

void PostgresServer::Freeze() {
  // The postmaster first, so that no child appears meanwhile.
  ::kill(postmaster_, SIGSTOP);
  for (const pid_t pid : Processes()) ::kill(pid, SIGSTOP);
}

void PostgresServer::Thaw() {
  for (const pid_t pid : Processes()) ::kill(pid, SIGCONT);
}

std::string PostgresServer::Log() const {
  return ReadText(directory_ + "/server.log");
}

ConnectOptions PostgresServer::Options(std::string_view database, std::string_view user) const {
  ConnectOptions out;
  out.keywords = {{"host", options_.tcp ? "127.0.0.1" : directory_},
                  {"port", std::to_string(port_)},
                  {"dbname", std::string(database)},
                  {"user", std::string(user)}};
  out.application_name = "pgvigil-test";
  return out;
}

Connection PostgresServer::Connect(std::string_view database, std::string_view user) const {
  shared::Result<Connection> connection = Connection::Open(Options(database, user));
  if (!connection) Fatal(connection.error().message);
  return std::move(*connection);
}

void PostgresServer::Execute(std::string_view sql, std::string_view database) const {
  Connection connection = Connect(database);
  if (const shared::Result<void> done = connection.Execute(sql); !done) {
    Fatal(fmt::format("{}: {}", sql, done.error().message));
  }
}

}  // namespace tests
