#include "shared/concurrency/thread_name.h"

#include <pthread.h>

namespace shared {

void SetThreadName(const char* name) { pthread_setname_np(pthread_self(), name); }

}  // namespace shared
