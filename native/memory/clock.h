// The clocks: one that stops while the host sleeps, for rates and time limits, and one that goes
// on, for the age of a seed.
#pragma once

#include <cstdint>
#include <ctime>

namespace entropyd {

inline constexpr uint64_t kNsPerSecond = 1'000'000'000;

inline uint64_t ReadClock(clockid_t id) noexcept {
  timespec now{};
  clock_gettime(id, &now);
  return static_cast<uint64_t>(now.tv_sec) * kNsPerSecond + static_cast<uint64_t>(now.tv_nsec);
}

// Nanoseconds, monotonic.
inline uint64_t NowNs() noexcept { return ReadClock(CLOCK_MONOTONIC); }
// The same, and it goes on while the host sleeps.
inline uint64_t BootTimeNs() noexcept { return ReadClock(CLOCK_BOOTTIME); }

// A clock that tests replace.
using Clock = uint64_t (*)() noexcept;

}  // namespace entropyd
