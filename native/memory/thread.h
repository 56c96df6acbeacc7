// Threads without std::thread, which ends the process if the system refuses one.
#pragma once

#include <pthread.h>

#include <csignal>
#include <functional>
#include <memory>

namespace entropyd {

// Starts a joinable thread that runs `work`. It handles no signals: the program's own threads do.
// Returns 0 or an errno.
inline int StartThread(pthread_t& thread, std::function<void()> work) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  auto argument = std::make_unique<std::function<void()>>(std::move(work));
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int error = pthread_create(
      &thread, nullptr,
      [](void* function) -> void* {
        const std::unique_ptr<std::function<void()>> owner(
            static_cast<std::function<void()>*>(function));
        (*owner)();
        return nullptr;
      },
      argument.get());
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error == 0) static_cast<void>(argument.release());
  return error;
}

// The same, detached: nobody waits for it. False if the system refuses it.
inline bool StartDetached(std::function<void()> work) {
  pthread_t thread{};
  if (StartThread(thread, std::move(work)) != 0) return false;
  pthread_detach(thread);
  return true;
}

}  // namespace entropyd
