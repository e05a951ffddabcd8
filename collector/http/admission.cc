#include "collector/http/admission.h"

#include <algorithm>

namespace collector::http {

const char* Admission::Connect(const std::string& address) {
  return state_.With([&](State& state) -> const char* {
    const char* refusal = nullptr;
    if (state.statistics.connections_open >= limits_.connections) {
      refusal = "connection_limit";
    } else if (const auto found = state.connections_by_address.find(address);
               found != state.connections_by_address.end() &&
               found->second >= limits_.connections_per_address) {
      refusal = "address_limit";
    }
    if (refusal != nullptr) {
      state.statistics.refused[refusal] += 1;
      return refusal;
    }
    state.statistics.connections_open += 1;
    state.statistics.connections_total += 1;
    state.connections_by_address[address] += 1;
    return nullptr;
  });
}

void Admission::Disconnected(const std::string& address) {
  state_.With([&](State& state) {
    state.statistics.connections_open -= 1;
    const auto found = state.connections_by_address.find(address);
    if (--found->second == 0) state.connections_by_address.erase(found);
  });
}

bool Admission::ReserveBody(size_t bytes, size_t announced) {
  return state_.With([&](State& state) {
    if (state.body_bytes + std::max(bytes, announced) > limits_.bodies_in_flight_bytes) {
      state.statistics.refused["overload"] += 1;
      return false;
    }
    state.body_bytes += bytes;
    return true;
  });
}

void Admission::ReleaseBody(size_t bytes) {
  state_.With([&](State& state) { state.body_bytes -= bytes; });
}

void Admission::CountRequest() {
  state_.With([](State& state) { state.statistics.requests_total += 1; });
}

void Admission::CountResponse(int status) {
  state_.With([&](State& state) { state.statistics.responses_by_status[status] += 1; });
}

void Admission::CountRefused(std::string_view reason) {
  state_.With([&](State& state) { state.statistics.refused[std::string(reason)] += 1; });
}

void Admission::CountHandshakeFailure(const std::string& reason) {
  state_.With([&](State& state) { state.statistics.handshake_failures[reason] += 1; });
}

ServerStatistics Admission::Statistics() const {
  return state_.With([](const State& state) { return state.statistics; });
}

}  // namespace collector::http
