#pragma once

#include <cstddef>

namespace tests {

// How often the calling thread has called operator new since this object was made. Linking
// tests_allocations replaces the program's operator new and delete by counting ones.
//   const tests::AllocationCount count;
//   collector.Collect();
//   EXPECT_EQ(count.Get(), 0u);
class AllocationCount {
 public:
  AllocationCount();
  [[nodiscard]] size_t Get() const;

 private:
  size_t start_;
};

}  // namespace tests
