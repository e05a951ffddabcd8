#pragma once

#include <functional>
#include <thread>
#include <vector>

#include "shared/concurrency/bounded_queue.h"

namespace collector::api {

// Runs questions on a fixed number of threads, so that no number of them can hold up ingest. At
// most `waiting` wait for a thread.
class QueryPool {
 public:
  QueryPool(size_t threads, size_t waiting);
  ~QueryPool();
  QueryPool(const QueryPool&) = delete;
  QueryPool& operator=(const QueryPool&) = delete;

  // False: too many wait already; `task` was not taken.
  bool TryRun(std::function<void()> task);
  // Lets what is queued end; later TryRun fails.
  void Stop();

 private:
  shared::BoundedQueue<std::function<void()>> tasks_;
  std::vector<std::jthread> threads_;
};

}  // namespace collector::api
