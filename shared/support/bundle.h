#pragma once

#include <string>
#include <string_view>

#include "shared/base/secret.h"
#include "shared/http/client.h"

// What `support-bundle` of both programs is made of: one text on standard output, so that whoever
// sends it can read first what is in it. It holds no secret: settings are printed as `config show`
// prints them, of the environment only names, and URLs without user information.
namespace shared::support {

// "== title", after an empty line.
void PrintSection(std::string_view title);

// Name and version of the system and kernel, processors, memory, limits of this process, time and
// time zone, names of environment variables that configure us or our libraries.
void PrintMachine();

// What a page of a running program answers, or why it does not. Waits for five seconds at most.
// `key`: of an API that wants one; empty: none.
void PrintPage(const std::string& url, const http::TlsConfig& tls = {}, const Secret& key = {});

}  // namespace shared::support
