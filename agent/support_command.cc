#include "agent/support_command.h"

#include <fmt/format.h>

#include <filesystem>

#include "agent/doctor/doctor.h"
#include "shared/base/exit_code.h"
#include "shared/base/version.h"
#include "shared/config/command.h"
#include "shared/http/health_check.h"
#include "shared/support/bundle.h"

namespace agent {
namespace {

void PrintFiles(const std::string& directory) {
  std::error_code error;
  std::filesystem::recursive_directory_iterator files(directory, error);
  for (; !error && files != std::filesystem::recursive_directory_iterator();
       files.increment(error)) {
    if (files->is_regular_file(error)) {
      fmt::print("{} {}\n", files->file_size(error), files->path().string());
    }
  }
  if (error) fmt::print("{}: {}\n", directory, error.message());
}

}  // namespace

int PrintSupportBundle(const config::AgentConfig& config, const shared::config::Problems& problems,
                       const shared::config::Settings& settings) {
  fmt::print("pgvigil-agent {} ({})\n", shared::kVersion, shared::kCommit);
  shared::support::PrintMachine();
  shared::support::PrintSection("settings in effect");
  shared::config::RunConfigShow(problems, settings, false);
  if (!problems.empty()) return shared::kExitConfig;
  shared::support::PrintSection("check");
  doctor::RunDoctor(config, false);
  if (!config.status.listen.address.empty()) {
    const std::string url =
        shared::http::LocalUrl(config.status.listen.address, config.status.listen.port);
    shared::support::PrintPage(url + "/readyz");
    shared::support::PrintPage(url + "/metrics");
  }
  shared::support::PrintSection("files of the state, bytes");
  PrintFiles(config.agent.state_dir);
  return shared::kExitOk;
}

}  // namespace agent
