#include "shared/concurrency/thread_name.h"

#include <pthread.h>
#include <string.h>

#include <string>

namespace shared {

void SetThreadName(const char* name) {
  // The kernel refuses a longer name as a whole (TASK_COMM_LEN is 16 with the final NUL).
  pthread_setname_np(pthread_self(), std::string(name, ::strnlen(name, 15)).c_str());
}

}  // namespace shared
