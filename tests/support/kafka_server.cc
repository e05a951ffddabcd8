#include "tests/support/kafka_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
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
#include <functional>
#include <map>
#include <random>
#include <sstream>
#include <string_view>

#include "shared/base/unique_fd.h"

namespace tests {
namespace {

constexpr std::string_view kUser = "pgvigil";
constexpr std::string_view kPassword = "correct-horse";

[[noreturn]] void Fatal(const std::string& message) {
  fmt::print(stderr, "KafkaServer: {}\n", message);
  std::fflush(stderr);
  std::abort();
}

std::string ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Runs a program from the path; its output replaces `log`. It is killed when this process dies.
pid_t Spawn(const std::vector<std::string>& arguments, const std::string& log) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const pid_t child = ::fork();
  if (child < 0) Fatal(fmt::format("fork: {}", std::strerror(errno)));
  if (child > 0) return child;
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  const int in = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (out < 0 || in < 0) ::_exit(126);
  ::dup2(in, 0);
  ::dup2(out, 1);
  ::dup2(out, 2);
  ::setsid();  // a Ctrl-C at the terminal is for the test alone
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::execvp(argv[0], argv.data());
  ::_exit(127);
}

// Runs a program that must succeed.
void RunToEnd(const std::vector<std::string>& arguments, const std::string& log) {
  int status = 0;
  const pid_t child = Spawn(arguments, log);
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    Fatal(fmt::format("{} failed:\n{}", fmt::join(arguments, " "), ReadText(log)));
  }
}

std::string MakeDirectory() {
  std::string path = "/tmp/pgvigil-kafka-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) Fatal(fmt::format("mkdtemp: {}", std::strerror(errno)));
  return path;
}

// Where the jars are; fetched when this is the first time on this machine.
std::string Jars(const std::string& version) {
  const std::string command = PGVIGIL_SOURCE "/tests/support/fetch-kafka " + version;
  FILE* const pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) Fatal(fmt::format("fetch-kafka: {}", std::strerror(errno)));
  std::array<char, 4096> line{};
  const bool read = std::fgets(line.data(), line.size(), pipe) != nullptr;
  if (::pclose(pipe) != 0 || !read) Fatal("tests/support/fetch-kafka failed");
  std::string jars = line.data();
  jars.pop_back();  // the newline
  return jars;
}

// A port that was free a moment ago, below those that the kernel gives to outgoing connections: a
// client that knocks at the port of a stopped server could else be given that very port, connect to
// itself, and keep the server from coming back.
uint16_t FreePort() {
  static std::mt19937 random{std::random_device{}()};
  for (int attempt = 0; attempt < 1000; ++attempt) {
    const auto port = std::uniform_int_distribution<uint16_t>(12'000, 32'000)(random);
    const shared::UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    address.sin_port = ::htons(port);
    if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
      return port;
    }
  }
  Fatal("no free port");
}

// Looks every 5 ms until `done`; false after `limit`.
bool WaitUntil(const std::function<bool()>& done, std::chrono::seconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    ::poll(nullptr, 0, 5);
  }
  return true;
}

// A small machine runs several of these: little heap, no second compiler.
std::vector<std::string> Java(const std::string& jars, std::string_view main) {
  return {"java",
          "-Xmx256m",
          "-XX:+UseSerialGC",
          "-XX:TieredStopAtLevel=1",
          "-Dorg.slf4j.simpleLogger.defaultLogLevel=info",
          "-Dorg.slf4j.simpleLogger.showDateTime=true",
          "-cp",
          jars + "/*",
          std::string(main)};
}

}  // namespace

KafkaServer::KafkaServer(KafkaServerOptions options)
    : options_(std::move(options)),
      jars_(Jars(options_.version)),
      directory_(MakeDirectory()),
      client_port_(FreePort()),
      inner_port_(FreePort()),
      controller_port_(FreePort()) {
  if (options_.protocol.ends_with("SSL")) MakeCertificate();
  WriteProperties();
  Format();
  Start();
}

KafkaServer::~KafkaServer() {
  Kill9();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

std::string KafkaServer::address() const {
  return fmt::format("127.0.0.1:{}", client_port_);
}

std::string KafkaServer::inner_address() const {
  return fmt::format("127.0.0.1:{}", inner_port_);
}

std::string KafkaServer::ca() const {
  return options_.protocol.ends_with("SSL") ? directory_ + "/cert.pem" : "";
}

// Kafka wants the key (PKCS #8) and the certificate in one file.
void KafkaServer::MakeCertificate() const {
  RunToEnd({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
            "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
            "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", directory_ + "/key.pem", "-out",
            directory_ + "/cert.pem"},
           directory_ + "/openssl.log");
  std::ofstream(directory_ + "/server.pem")
      << ReadText(directory_ + "/key.pem") << ReadText(directory_ + "/cert.pem");
}

void KafkaServer::WriteProperties() const {
  std::map<std::string, std::string> lines{
      {"process.roles", "broker,controller"},
      {"node.id", "1"},
      {"listeners",
       fmt::format("CLIENT://127.0.0.1:{},INNER://127.0.0.1:{},CONTROLLER://127.0.0.1:{}",
                   client_port_, inner_port_, controller_port_)},
      {"listener.security.protocol.map",
       fmt::format("CLIENT:{},INNER:PLAINTEXT,CONTROLLER:PLAINTEXT", options_.protocol)},
      {"controller.listener.names", "CONTROLLER"},
      {"inter.broker.listener.name", "INNER"},
      {"controller.quorum.voters", fmt::format("1@127.0.0.1:{}", controller_port_)},
      {"log.dirs", options_.log_directory.empty() ? directory_ + "/logs" : options_.log_directory},
      {"auto.create.topics.enable", "false"},
      {"default.replication.factor", "1"},
      {"offsets.topic.replication.factor", "1"},
      {"offsets.topic.num.partitions", "1"},
      {"transaction.state.log.replication.factor", "1"},
      {"transaction.state.log.min.isr", "1"},
      {"group.initial.rebalance.delay.ms", "0"},
      // After Kill9 the controller takes the broker back when the session of its former life is
      // over.
      {"broker.session.timeout.ms", "2000"},
      {"broker.heartbeat.interval.ms", "200"},
      {"log.cleaner.dedupe.buffer.size", "4194304"},
      {"file.delete.delay.ms", "100"}};
  if (options_.protocol.starts_with("SASL")) {
    lines["sasl.enabled.mechanisms"] = "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512";
    lines["listener.name.client.plain.sasl.jaas.config"] = fmt::format(
        "org.apache.kafka.common.security.plain.PlainLoginModule required user_{}=\"{}\";", kUser,
        kPassword);
    for (const std::string_view mechanism : {"scram-sha-256", "scram-sha-512"}) {
      lines[fmt::format("listener.name.client.{}.sasl.jaas.config", mechanism)] =
          "org.apache.kafka.common.security.scram.ScramLoginModule required;";
    }
  }
  if (options_.protocol.ends_with("SSL")) {
    lines["ssl.keystore.type"] = "PEM";
    lines["ssl.keystore.location"] = directory_ + "/server.pem";
  }
  for (const auto& [name, value] : options_.settings) lines[name] = value;
  std::ofstream file(directory_ + "/server.properties", std::ios::trunc);
  for (const auto& [name, value] : lines) file << name << '=' << value << '\n';
  if (!file.flush()) Fatal("writing server.properties failed");
}

void KafkaServer::Format() const {
  std::vector<std::string> command = Java(jars_, "kafka.tools.StorageTool");
  command.insert(command.end(), {"format", "--cluster-id", "cGd2aWdpbC10ZXN0cy0wMQ", "--config",
                                 directory_ + "/server.properties"});
  if (options_.protocol.starts_with("SASL")) {
    for (const std::string_view mechanism : {"SCRAM-SHA-256", "SCRAM-SHA-512"}) {
      command.insert(command.end(), {"--add-scram", fmt::format("{}=[name={},password={}]",
                                                                mechanism, kUser, kPassword)});
    }
  }
  RunToEnd(command, directory_ + "/format.log");
}

void KafkaServer::Start() {
  if (server_ > 0) Fatal("Start: the server runs already");
  std::vector<std::string> command = Java(jars_, "kafka.Kafka");
  command.push_back(directory_ + "/server.properties");
  server_ = Spawn(command, directory_ + "/server.log");
  WaitUntilStarted();
}

void KafkaServer::WaitUntilStarted() {
  const bool started = WaitUntil(
      [&] {
        if (!running()) Fatal(fmt::format("the server ended at its start:\n{}", Log()));
        return Log().find("Kafka Server started") != std::string::npos;
      },
      std::chrono::seconds(90));
  if (!started) Fatal(fmt::format("the server is not ready after 90 s:\n{}", Log()));
}

bool KafkaServer::running() {
  if (server_ > 0 && ::waitpid(server_, nullptr, WNOHANG) == server_) server_ = -1;
  return server_ > 0;
}

void KafkaServer::Stop() {
  if (!running()) return;
  ::kill(server_, SIGTERM);
  if (!WaitUntil([&] { return !running(); }, std::chrono::seconds(60))) {
    Fatal(fmt::format("the server does not stop:\n{}", Log()));
  }
}

void KafkaServer::Kill9() {
  if (!running()) return;
  ::kill(server_, SIGKILL);
  while (::waitpid(server_, nullptr, 0) < 0 && errno == EINTR) {
  }
  server_ = -1;
}

void KafkaServer::Freeze() {
  ::kill(server_, SIGSTOP);
}

void KafkaServer::Thaw() {
  ::kill(server_, SIGCONT);
}

std::string KafkaServer::Log() const {
  return ReadText(directory_ + "/server.log");
}

}  // namespace tests
