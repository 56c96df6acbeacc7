// The generator's state: one enum, and one pure function that decides on it.
#pragma once

#include <span>
#include <string>

#include "health/tested_source.h"
#include "sources/noise_source.h"

namespace entropyd {

// The fifth state, `fallback`, exists only if this code does not run.
enum class State : uint8_t {
  kSeeding,      // no credited source has passed its startup test yet: nothing is served
  kOperational,  // every source present at start passes
  kDegraded,     // a source is lost or failed, a credited one remains: serving
  kError,        // no credited source, or the DRBG failed: nothing is served
};

const char* Name(State state) noexcept;

// `strict` does not credit getrandom(2): without creditable hardware nothing is served.
enum class Profile : uint8_t { kDefault, kStrict };

struct SourceFact {
  const SourceTraits* traits;
  SourceState state;
};

struct Decision {
  State state = State::kSeeding;
  std::string reason;            // empty if there is nothing to say
  bool kernel_credited = false;  // getrandom(2) counts with 8 bits per byte
};

// The state that the sources' condition calls for. The caller remembers what has latched: a failure
// of the DRBG, an earlier error.
Decision Decide(Profile profile, std::span<const SourceFact> sources);

}  // namespace entropyd
