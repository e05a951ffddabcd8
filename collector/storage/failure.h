#pragma once

#include <string>
#include <string_view>

#include "shared/base/result.h"

namespace collector::storage {

// Why a group of batches was not stored, and what helps.
enum class FailureKind {
  kAway,           // connection lost, starting up, no space, locks: the agent sends again
  kRetryNow,       // serialization failure or deadlock: the same again at once
  kPartitionGone,  // somebody dropped a partition: make it again
  kData,           // what one batch holds cannot be stored: find out which
};

// By SQLSTATE (PostgreSQL manual, appendix A): 40001 and 40P01 are kRetryNow, 23514 is
// kPartitionGone (the schema has no CHECK constraints), classes 21, 22, 23 and 54 are kData. No
// SQLSTATE: kData when our own side refused (kInvalidInput, kMalformed). All else, also what the
// operator must mend (a missing grant, a full disk), is kAway: nobody's data is at fault.
FailureKind ClassifyFailure(shared::ErrorCode code, std::string_view sqlstate);

}  // namespace collector::storage
