// The rules of the states: when bytes may be served, and the reason that is reported.
#include "generator/generator_state.h"

namespace entropyd {
namespace {

bool Gone(const SourceFact& source) {
  return source.state == SourceState::kLost || source.state == SourceState::kFailed;
}

bool Creditable(const SourceFact& source) {
  return source.traits->role == SourceRole::kSeed && source.traits->credited_bits_per_byte > 0;
}

std::string Gone(std::span<const SourceFact> sources) {
  std::string text;
  for (const SourceFact& source : sources) {
    if (!Gone(source)) continue;
    if (!text.empty()) text += ", ";
    text += source.traits->name;
    text += source.state == SourceState::kLost ? " lost" : " failed";
  }
  return text;
}

}  // namespace

const char* Name(State state) noexcept {
  switch (state) {
    case State::kSeeding:
      return "seeding";
    case State::kOperational:
      return "operational";
    case State::kDegraded:
      return "degraded";
    case State::kError:
      return "error";
  }
  return "error";
}

Decision Decide(Profile profile, std::span<const SourceFact> sources) {
  bool credited = false;
  bool testing = false;
  bool kernel = false;
  for (const SourceFact& source : sources) {
    if (source.traits->role == SourceRole::kKernel) kernel = source.state == SourceState::kPassing;
    if (!Creditable(source)) continue;
    credited |= source.state == SourceState::kPassing;
    testing |= source.state == SourceState::kTesting;
  }
  const std::string gone = Gone(sources);

  Decision decision;
  if (!credited && profile == Profile::kDefault && kernel) {
    decision.kernel_credited = true;
    decision.state = State::kOperational;
    decision.reason = "no creditable hardware source: seeded by getrandom(2)";
  } else if (credited) {
    decision.state = State::kOperational;
  } else if (testing) {
    decision.state = State::kSeeding;
    decision.reason = "startup test of the credited source";
  } else {
    decision.state = State::kError;
    decision.reason = "no credited noise source";
  }
  if (gone.empty()) return decision;
  if (decision.state == State::kOperational) {
    decision.state = State::kDegraded;
    decision.reason = gone + (decision.kernel_credited ? ": seeded by getrandom(2)" : "");
  } else {
    decision.reason += ": " + gone;
  }
  return decision;
}

}  // namespace entropyd
