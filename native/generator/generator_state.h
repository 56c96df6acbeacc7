// The generator's state: one enum, and one pure function that decides on it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "health/tested_source.h"
#include "sources/noise_source.h"

namespace entropyd {

// The fifth state, `fallback`, exists only if this code does not run.
enum class State : uint8_t {
  kSeeding,  // no seed, or one that is too old and no source to renew it from: nothing is served
  kOperational,  // serving; no source is lost or failed
  kDegraded,     // serving; a source is lost or failed, or the seed is older than its limits
  kError,  // an alarm took the last credited source out, or the DRBG failed: nothing is served
};

const char* Name(State state) noexcept;

// `strict` does not credit getrandom(2).
enum class Profile : uint8_t { kDefault, kStrict };

struct SourceFact {
  const SourceTraits* traits;
  SourceReport report;
};

struct SeedFacts {
  bool present = false;
  uint64_t since = 0;      // when it was made; without one, since when there has been none
  bool overdue = false;    // it should have been renewed, longer ago than that takes
  bool first = true;       // there has never been one
  bool of_kernel = false;  // it is from getrandom(2) alone
};

// Why the generator is in its state, in words that begin with what holds for users. Times are
// written when the text is asked for, so that two reasons are the same reason at any time.
class Reason {
 public:
  Reason() = default;
  explicit Reason(const char* consequence) : consequence_(consequence) {}

  // Adds a cause: `before`, the time since `since`, `after`.
  void Add(std::string before, uint64_t since, std::string after = "");
  void Add(std::string text);
  bool empty() const noexcept { return causes_.empty(); }
  // "serving: rdseed busy for 15 min, seed 4 min old"; empty if there is no cause.
  std::string Text(uint64_t now) const;
  // Not the times.
  bool operator==(const Reason& other) const;

 private:
  struct Cause {
    std::string before;
    std::optional<uint64_t> since;
    std::string after;
  };
  std::string consequence_;
  std::vector<Cause> causes_;
};

struct Decision {
  State state = State::kSeeding;
  Reason reason;
  bool kernel_credited = false;  // getrandom(2) counts with 8 bits per byte
};

// The state that the condition of sources and seed calls for. An alarm alone leads to kError, which
// the caller latches.
Decision Decide(Profile profile, std::span<const SourceFact> sources, const SeedFacts& seed);

}  // namespace entropyd
