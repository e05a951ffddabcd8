#pragma once

#include <string>
#include <string_view>

namespace collector::ingest::foreign {

// Where bytes stop being a protobuf message, for the message after the parser refused them without
// saying where: "byte 17: field 1 has 300 bytes where 12 are left". Looks at the outermost fields
// only. "": these are sound, and something within them is not (a message of another kind, or a
// string that is not UTF-8).
std::string FindProtoFault(std::string_view bytes);

}  // namespace collector::ingest::foreign
