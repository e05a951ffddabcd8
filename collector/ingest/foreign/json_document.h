#pragma once

#include <fmt/format.h>
#include <simdjson.h>

#include <string>
#include <string_view>

#include "collector/ingest/foreign/json_fault.h"
#include "shared/base/result.h"

// Parsing with simdjson, whose header is heavy: include this in few places.
namespace collector::ingest::foreign {

// One parsed text; reused for the next.
class JsonDocument {
 public:
  explicit JsonDocument(size_t max_depth) : max_depth_(max_depth) {}

  // The root; valid until the next Parse.
  //   kMalformed  byte 17: expected ':' after a key
  shared::Result<simdjson::dom::element> Parse(std::string_view text) {
    padded_.assign(text);
    padded_.resize(text.size() + simdjson::SIMDJSON_PADDING, ' ');
    // Allocated here, for the parser's own growth would fall back to its default depth.
    simdjson::error_code error = simdjson::SUCCESS;
    if (parser_.capacity() < text.size() || parser_.max_depth() != max_depth_ + 1) {
      error = parser_.allocate(text.size() + 64, max_depth_ + 1);
    }
    simdjson::dom::element root;
    if (error == simdjson::SUCCESS) {
      error = parser_.parse(padded_.data(), text.size(), false).get(root);
    }
    if (error == simdjson::SUCCESS) return root;
    std::string fault = FindJsonFault(text, max_depth_);
    if (fault.empty()) fault = fmt::format("byte 0: {}", simdjson::error_message(error));
    return shared::Fail(shared::ErrorCode::kMalformed, "{}", fault);
  }

 private:
  const size_t max_depth_;
  simdjson::dom::parser parser_;
  std::string padded_;
};

}  // namespace collector::ingest::foreign
