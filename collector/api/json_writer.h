#pragma once

#include "shared/text/json_writer.h"

namespace collector::api {

// What every answer is written with.
using shared::text::JsonWriter;

}  // namespace collector::api
