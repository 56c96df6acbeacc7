// Work off the event loop, in a thread of its own.
#pragma once

#include <napi.h>

#include <functional>
#include <memory>
#include <utility>

#include "memory/thread.h"

namespace entropyd {

// Why a promise is rejected whose work could not start.
inline constexpr char kNoThread[] = "the system refused a thread";

struct DetachedJob {
  std::function<void()> work;
  std::function<void(Napi::Env)> done;
};

// While the environment ends there is nothing to call.
inline void FinishDetached(Napi::Env env, Napi::Function, std::nullptr_t*, DetachedJob* job) {
  const std::unique_ptr<DetachedJob> owner(job);
  if (static_cast<napi_env>(env) != nullptr) owner->done(env);
}

// Runs `work` in a detached thread and then `done` in the event loop, which lives until then. Not
// in the thread pool: a read that the kernel holds would take one of its few threads, and Node
// waits for them when it ends. Neither function may own references to JavaScript values. False if
// the system refuses the thread.
inline bool RunDetached(Napi::Env env, std::function<void()> work,
                        std::function<void(Napi::Env)> done) {
  using Done = Napi::TypedThreadSafeFunction<std::nullptr_t, DetachedJob, FinishDetached>;
  Done finish = Done::New(env, "entropyd work", 0, 1);
  auto job = std::make_shared<std::unique_ptr<DetachedJob>>(
      std::make_unique<DetachedJob>(DetachedJob{std::move(work), std::move(done)}));
  const bool started = StartDetached([finish, job]() mutable {
    (*job)->work();
    if (finish.BlockingCall(job->get()) == napi_ok) static_cast<void>(job->release());
    finish.Release();
  });
  if (!started) finish.Release();
  return started;
}

}  // namespace entropyd
