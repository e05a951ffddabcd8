#pragma once

#include "shared/base/result.h"

namespace shared {

// Exit statuses of both programs, as sysexits.h numbers them.
enum ExitCode : int {
  kExitOk = 0,
  kExitUsage = 64,        // the command line is wrong
  kExitUnavailable = 69,  // something needed is away, or a check found a fault
  kExitSoftware = 70,     // a bug of ours
  kExitPermission = 77,
  kExitConfig = 78,  // the configuration is wrong
};

// Of a program that could not start: what is wrong stays wrong until somebody changes it
// (kInvalidInput: kExitConfig), or may pass (kExitUnavailable).
inline ExitCode StartFailureExit(const Error& error) {
  return error.code == ErrorCode::kInvalidInput ? kExitConfig : kExitUnavailable;
}

}  // namespace shared
