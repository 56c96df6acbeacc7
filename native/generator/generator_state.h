// The generator's state: one enum, and one pure function that decides it.
#pragma once

#include <span>
#include <string>

#include "health/tested_source.h"
#include "sources/noise_source.h"

namespace entropyd {

// `fallback`, the fifth state, exists only where this code does not run.
enum class State : uint8_t {
  kSeeding,      // no credited source has passed its startup test yet: nothing is served
  kOperational,  // every source that was there passes
  kDegraded,     // one that was there is lost or failed, a credited one remains: serving
  kError,        // no credited source, or the DRBG failed: nothing is served
};

const char* Name(State state) noexcept;

// `strict` gives getrandom(2) no credit: without creditable hardware it refuses to serve.
enum class Profile : uint8_t { kDefault, kStrict };

struct SourceFact {
  const SourceTraits* traits;
  SourceState state;
};

struct Decision {
  State state = State::kSeeding;
  std::string reason;            // empty when there is nothing to say
  bool kernel_credited = false;  // getrandom(2) counts with 8 bits per byte
};

// The state that the sources' condition calls for. What latched before (the DRBG's failure, an
// earlier error) is the caller's to remember.
Decision Decide(Profile profile, std::span<const SourceFact> sources);

}  // namespace entropyd
