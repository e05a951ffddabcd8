#include "agent/postgres/instance.h"

namespace agent::postgres {

shared::model::Labels CommonLabels(const InstanceIdentity& identity) {
  shared::model::Labels out;
  if (identity.system_identifier != 0) {
    out.push_back({"postgresql.system_identifier", std::to_string(identity.system_identifier)});
  }
  out.push_back({"postgresql.target", identity.name});
  out.push_back({"server.port", std::to_string(identity.port)});
  return out;
}

}  // namespace agent::postgres
