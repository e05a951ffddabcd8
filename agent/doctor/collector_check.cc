#include "agent/doctor/collector_check.h"

#include <fmt/format.h>

#include <string_view>

#include "agent/options.h"
#include "shared/http/redact_url.h"
#include "shared/text/utf8.h"

namespace agent::doctor {
namespace {

using pgvigil::v1::Capability;
using shared::Result;
using shared::http::Response;

constexpr std::string_view kOther =
    "set collector.url to the collector: something else answers there";

// What libcurl and OpenSSL write, and what helps. The first that is found counts.
struct Symptom {
  std::string_view text;
  std::string_view remedy;
};
constexpr Symptom kSymptoms[] = {
    {"certificate has expired",
     "renew the collector's certificate, or set this host's clock right"},
    {"certificate is not yet valid", "set this host's clock right"},
    {"no alternative certificate subject name",
     "set collector.url to a name that the collector's certificate holds"},
    {"does not match target host name",
     "set collector.url to a name that the collector's certificate holds"},
    {"certificate problem",
     "set collector.ca_file to the authority (PEM) that signed the collector's certificate"},
    {"error setting certificate verify locations",
     "set collector.ca_file to a file of certificates (PEM)"},
    {" alert ",
     "set collector.cert_file and collector.key_file to a certificate that the collector "
     "accepts"},
    {"wrong version number", "use http:// in collector.url, or the port that speaks TLS"},
    {"Empty reply from server", "use https:// in collector.url if that port speaks TLS"},
    {"HTTP/0.9", "use https:// in collector.url if that port speaks TLS"},
    {"resolve proxy", "set collector.proxy to a name that this host can look up"},
    {"resolve host", "set collector.url to a name that this host can look up"},
    {"Connection refused", "start the collector, or set collector.url to where it listens"},
    {"no connection within", "let this host reach that address: firewall, route, collector.proxy"},
    {"unreachable", "let this host reach that address: firewall, route, collector.proxy"},
    {"No route to host", "let this host reach that address: firewall, route, collector.proxy"},
    {"no whole answer within", "see the collector's own log: it took the connection and is silent"},
};

std::string_view RemedyOf(std::string_view message) {
  for (const Symptom& symptom : kSymptoms) {
    if (message.find(symptom.text) != std::string_view::npos) return symptom.remedy;
  }
  return "set collector.url to where the collector listens";
}

Capability Make(Capability::State state, std::string_view detail = {},
                std::string_view remedy = {}) {
  Capability out;
  out.set_name("collector");
  out.set_state(state);
  out.set_detail(shared::text::CleanUtf8(detail));
  out.set_remedy(std::string(remedy));
  return out;
}

std::string_view FirstLine(std::string_view body) {
  constexpr size_t kShown = 200;
  return body.substr(0, body.find('\n')).substr(0, kShown);
}

std::string ReadyUrl(const config::CollectorLink& link) {
  return link.url + "/readyz";
}

}  // namespace

Capability JudgeCollector(const config::CollectorLink& link, const Result<Response>& answer) {
  if (!answer) {
    return Make(Capability::STATE_FAILED, answer.error().message, RemedyOf(answer.error().message));
  }
  const std::string asked = fmt::format("GET {}: {} {}", shared::http::RedactUrl(ReadyUrl(link)),
                                        answer->status, FirstLine(answer->body));
  switch (answer->status) {
    case 200:
      if (FirstLine(answer->body) == "ready") return Make(Capability::STATE_OK);
      return Make(Capability::STATE_FAILED, asked, kOther);
    case 503:
      return Make(Capability::STATE_FAILED, asked,
                  "the collector runs, but is not ready: see its own log");
    case 400:
    case 426:
      return Make(Capability::STATE_FAILED, asked,
                  "use https:// in collector.url if that port speaks TLS");
    default:
      return Make(Capability::STATE_FAILED, asked, kOther);
  }
}

Capability CheckCollector(const config::CollectorLink& link) {
  Result<shared::http::Client> client = shared::http::Client::Create(ClientConfigOf(link));
  if (!client) {
    return Make(Capability::STATE_FAILED, client.error().message,
                "name files that this user can read in collector.ca_file, cert_file and key_file");
  }
  return JudgeCollector(link, client->Send({.url = ReadyUrl(link)}));
}

}  // namespace agent::doctor
