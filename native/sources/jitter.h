// The clocks of the CPU jitter source, which the daemon leaves to the source; its tests and its
// assessment choose one.
#pragma once

#include <vector>

#include "sources/noise_source.h"

namespace entropyd {

struct JitterClock {
  const char* name;            // for error messages
  uint64_t (*now)() noexcept;  // any unit; not expected to decrease
};

// This host's clocks, the finest first.
std::vector<JitterClock> JitterClocks();

// Uses the first of these clocks that is good enough when the source is opened.
std::unique_ptr<NoiseSource> MakeJitterOn(std::vector<JitterClock> clocks);

}  // namespace entropyd
