#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"
#include "shared/config/environment.h"

namespace shared::config {

// A string value after its references were replaced.
struct Expanded {
  std::string value;
  std::vector<std::string> origins;  // "env PGPORT", "file /etc/key", "cred pg"
  bool secret = false;               // a part came from a file or a credential: not to be shown
};

// Replaces in a string value, after parsing (so that what comes in cannot add keys):
//   ${env:NAME}            the environment variable NAME
//   ${env:NAME:-default}   or `default` when it is unset or empty
//   ${file:/path}          the content of a file, less one line break at its end
//   ${cred:name}           the systemd credential: the file `name` in $CREDENTIALS_DIRECTORY
//   $$                     a dollar sign
// A dollar sign before anything else stands for itself. What was put in is not searched again.
// Files must be regular, at most 64 KiB. `for_secret`: a ${file:} must be readable by its owner
// only, as ReadSecretFile demands. Errors name the reference: "environment variable PGPORT is not
// set".
Result<Expanded> Expand(std::string_view text, const Environment& environment, bool for_secret);

// Whether the text has anything that Expand would look up.
bool HasReference(std::string_view text);

// The content of a file that holds a secret, less one line break at its end. kPermissionDenied when
// group or others may read it, unless it is below $CREDENTIALS_DIRECTORY, which systemd protects.
Result<std::string> ReadSecretFile(const std::string& path, const Environment& environment);

}  // namespace shared::config
