#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "collector/storage/layout_index.h"
#include "shared/base/result.h"
#include "shared/postgres/connection.h"

namespace collector::storage {

// Asks PostgreSQL for a result in binary format, over whatever connection the caller has.
using BinaryQuery = std::function<shared::Result<shared::postgres::Rows>(
    std::string_view sql, const std::vector<shared::postgres::Parameter>& parameters)>;

using LayoutsById = std::map<int64_t, std::shared_ptr<const LayoutIndex>>;

// The layouts `ids` that exist: those that `known` has not met are read, and it meets them.
shared::Result<LayoutsById> ReadLayouts(const BinaryQuery& query, LayoutIndexes& known,
                                        std::span<const int64_t> ids);

}  // namespace collector::storage
