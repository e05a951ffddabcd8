#pragma once

#include <chrono>
#include <functional>
#include <utility>

#include "shared/base/result.h"
#include "shared/http/client.h"

namespace agent::ship {

// What the shipper needs of HTTP; the contract of each function is shared::http::Client's. One
// thread, but for Wake().
class Transport {
 public:
  using Done = std::function<void(shared::Result<shared::http::Response>)>;
  virtual ~Transport() = default;
  virtual void Start(shared::http::Request request, Done done) = 0;
  virtual void Poll(std::chrono::milliseconds timeout) = 0;
  virtual void Wake() = 0;
};

// The real one.
class HttpTransport final : public Transport {
 public:
  explicit HttpTransport(shared::http::Client client) : client_(std::move(client)) {}
  void Start(shared::http::Request request, Done done) override {
    client_.Start(std::move(request), std::move(done));
  }
  void Poll(std::chrono::milliseconds timeout) override { client_.Poll(timeout); }
  void Wake() override { client_.Wake(); }

 private:
  shared::http::Client client_;
};

}  // namespace agent::ship
