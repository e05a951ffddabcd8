#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "shared/text/json.h"

namespace shared::text {

// Writes one JSON document in order, commas included. Nesting is the caller's: every Begin has its
// End. Not checked: a Key outside an object, a value without a Key inside one.
class JsonWriter {
 public:
  JsonWriter& BeginObject() { return Open('{'); }
  JsonWriter& EndObject() { return Close('}'); }
  JsonWriter& BeginArray() { return Open('['); }
  JsonWriter& EndArray() { return Close(']'); }

  JsonWriter& Key(std::string_view name) {
    Separate();
    AppendJsonString(name, out_);
    out_.push_back(':');
    after_key_ = true;
    return *this;
  }
  JsonWriter& String(std::string_view value) {
    Separate();
    AppendJsonString(value, out_);
    return *this;
  }
  JsonWriter& Number(double value) {
    Separate();
    AppendJsonNumber(value, out_);
    return *this;
  }
  JsonWriter& Unsigned(uint64_t value) { return Raw(std::to_string(value)); }
  JsonWriter& Signed(int64_t value) { return Raw(std::to_string(value)); }
  JsonWriter& Bool(bool value) { return Raw(value ? "true" : "false"); }
  JsonWriter& Null() { return Raw("null"); }
  // A document that is JSON already.
  JsonWriter& Raw(std::string_view json) {
    Separate();
    out_.append(json);
    return *this;
  }

  [[nodiscard]] size_t size() const { return out_.size(); }
  [[nodiscard]] std::string Take() { return std::move(out_); }

 private:
  void Separate() {
    if (!after_key_ && !first_) out_.push_back(',');
    first_ = false;
    after_key_ = false;
  }
  JsonWriter& Open(char bracket) {
    Separate();
    out_.push_back(bracket);
    first_ = true;
    return *this;
  }
  JsonWriter& Close(char bracket) {
    out_.push_back(bracket);
    first_ = false;
    return *this;
  }

  std::string out_;
  bool first_ = true;
  bool after_key_ = false;
};

}  // namespace shared::text
