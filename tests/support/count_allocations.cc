#include "tests/support/count_allocations.h"

#include <cstdlib>
#include <new>

namespace {

thread_local size_t allocations = 0;

void* Allocate(size_t size) {
  allocations += 1;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  std::abort();
}

}  // namespace

void* operator new(size_t size) {
  return Allocate(size);
}
void* operator new[](size_t size) {
  return Allocate(size);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, size_t) noexcept {
  std::free(memory);
}

namespace tests {

AllocationCount::AllocationCount() : start_(allocations) {}
size_t AllocationCount::Get() const {
  return allocations - start_;
}

}  // namespace tests
