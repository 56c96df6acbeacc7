// A condition variable whose timeouts run on the monotonic clock, with functions of glibc 2.28.
// std::condition_variable needs pthread_cond_clockwait (glibc 2.30) for that; without it, timeouts
// run on the wall clock, which can be set.
#pragma once

#include <pthread.h>

#include <chrono>
#include <ctime>
#include <mutex>

namespace entropyd {

class MonotonicCondition {
 public:
  MonotonicCondition() noexcept {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&condition_, &attributes);
    pthread_condattr_destroy(&attributes);
  }
  ~MonotonicCondition() { pthread_cond_destroy(&condition_); }
  MonotonicCondition(const MonotonicCondition&) = delete;
  MonotonicCondition& operator=(const MonotonicCondition&) = delete;

  void NotifyAll() noexcept { pthread_cond_broadcast(&condition_); }

  // Returns when `predicate` holds; it is called under the lock.
  template <typename Predicate>
  void Wait(std::unique_lock<std::mutex>& lock, Predicate predicate) {
    while (!predicate()) pthread_cond_wait(&condition_, lock.mutex()->native_handle());
  }

  // The same, but for at most `limit`. Returns whether `predicate` holds.
  template <typename Predicate>
  bool WaitFor(std::unique_lock<std::mutex>& lock, std::chrono::nanoseconds limit,
               Predicate predicate) {
    const timespec deadline = After(limit);
    while (!predicate()) {
      if (pthread_cond_timedwait(&condition_, lock.mutex()->native_handle(), &deadline) != 0)
        return predicate();
    }
    return true;
  }

 private:
  static timespec After(std::chrono::nanoseconds limit) noexcept {
    constexpr long kNanosecondsPerSecond = 1'000'000'000;
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    const auto seconds = std::chrono::floor<std::chrono::seconds>(limit);
    time.tv_sec += seconds.count();
    time.tv_nsec += std::chrono::nanoseconds(limit - seconds).count();
    if (time.tv_nsec >= kNanosecondsPerSecond) {
      ++time.tv_sec;
      time.tv_nsec -= kNanosecondsPerSecond;
    }
    return time;
  }

  pthread_cond_t condition_{};
};

}  // namespace entropyd
