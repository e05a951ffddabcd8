#include "collector/api/query_pool.h"

#include <optional>
#include <utility>

#include "shared/concurrency/thread_name.h"

namespace collector::api {

// Each task costs one, so that the queue's bound is a count.
QueryPool::QueryPool(size_t threads, size_t waiting) : tasks_(waiting) {
  for (size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this](std::stop_token stop) {
      shared::SetThreadName("query");
      while (std::optional<std::function<void()>> task = tasks_.Pop(stop)) (*task)();
    });
  }
}

QueryPool::~QueryPool() {
  Stop();
}

bool QueryPool::TryRun(std::function<void()> task) {
  return tasks_.TryPush(task, 1);
}

void QueryPool::Stop() {
  tasks_.Close();
  for (std::jthread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

}  // namespace collector::api
