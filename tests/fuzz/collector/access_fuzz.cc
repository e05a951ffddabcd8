#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "collector/access/credential.h"
#include "collector/access/network.h"

// What a peer or an operator may write: a header's value and a list of networks. What parses is
// written back the same; what is refused is not repeated.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace collector::access;
  const std::string text(reinterpret_cast<const char*>(data), size);  // NOLINT
  const std::string marked = text + "planted-7f3a9c";
  for (const auto& shown : {ReadCredential(&marked, nullptr), ReadCredential(nullptr, &marked)}) {
    if (!shown && shown.error().message.find("planted") != std::string::npos) std::abort();
  }
  for (const auto& shown : {ReadCredential(&text, nullptr), ReadCredential(nullptr, &text)}) {
    if (!shown) continue;
    if (!*shown || !IsKeyId((*shown)->id)) std::abort();
    if ((*shown)->text.Reveal().size() != kKeySize) std::abort();
    if (text.find((*shown)->text.Reveal()) == std::string::npos) std::abort();
  }
  if (const auto networks = ParseNetworks(text)) {
    const auto again = ParseNetworks(FormatNetworks(*networks));
    if (!again || *again != *networks) std::abort();
    for (const Network& network : *networks) {
      if (!network.Contains(network.address)) std::abort();
    }
  }
  return 0;
}
