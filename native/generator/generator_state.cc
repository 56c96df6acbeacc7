// The rules of the states: when bytes may be served, and the reason that is reported.
#include "generator/generator_state.h"

#include <algorithm>
#include <utility>

#include "memory/clock.h"

namespace entropyd {
namespace {

constexpr char kServing[] = "serving";
constexpr char kNotServing[] = "not serving";
constexpr char kHowToTest[] = "; entropyctl selftest tests it again";

bool Gone(const SourceFact& source) {
  return source.report.state == SourceState::kLost || source.report.state == SourceState::kFailed;
}

bool Creditable(const SourceFact& source) {
  return source.traits->role == SourceRole::kSeed && source.traits->credited_bits_per_byte > 0;
}

std::string Duration(uint64_t ns) {
  constexpr uint64_t kMinute = 60, kHour = 3600, kDay = 86400;
  const uint64_t seconds = ns / kNsPerSecond;
  if (seconds < 2 * kMinute) return std::to_string(seconds) + " s";
  if (seconds < 2 * kHour) return std::to_string(seconds / kMinute) + " min";
  if (seconds < 2 * kDay) return std::to_string(seconds / kHour) + " h";
  return std::to_string(seconds / kDay) + " days";
}

void AddGone(Reason& reason, const SourceFact& source) {
  const SourceReport& report = source.report;
  if (report.state == SourceState::kFailed)
    reason.Add(source.traits->name + " failed a health test (" + report.last_alarm + ") ",
               report.since, std::string(" ago") + kHowToTest);
  else
    reason.Add(source.traits->name + " lost ", report.since, " ago (" + report.last_error + ")");
}

void AddWaiting(Reason& reason, const SourceFact& source) {
  const bool cpu = source.traits->sample == SampleKind::kWord64;
  reason.Add(source.traits->name + (cpu ? " busy for " : " silent for "), source.report.since);
}

void AddSeedAge(Reason& reason, const SeedFacts& seed) {
  reason.Add("seed ", seed.since, seed.overdue ? " old, which is over its limit" : " old");
}

std::string Names(std::span<const SourceFact* const> sources) {
  std::string names;
  for (const SourceFact* source : sources)
    names += (names.empty() ? "" : ", ") + source->traits->name;
  return names;
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

void Reason::Add(std::string before, uint64_t since, std::string after) {
  causes_.push_back({std::move(before), since, std::move(after)});
}

void Reason::Add(std::string text) { causes_.push_back({std::move(text), std::nullopt, ""}); }

std::string Reason::Text(uint64_t now) const {
  std::string text;
  for (const Cause& cause : causes_) {
    text += text.empty() ? consequence_ + ": " : ", ";
    text += cause.before;
    // A source's thread may have read the clock after the caller.
    if (cause.since) text += Duration(now > *cause.since ? now - *cause.since : 0);
    text += cause.after;
  }
  return text;
}

bool Reason::operator==(const Reason& other) const {
  return consequence_ == other.consequence_ &&
         std::ranges::equal(causes_, other.causes_, [](const Cause& one, const Cause& two) {
           return one.before == two.before && one.after == two.after;
         });
}

Decision Decide(Profile profile, std::span<const SourceFact> sources, const SeedFacts& seed) {
  bool passing = false;  // a credited source
  bool kernel = false;
  std::vector<const SourceFact*> expected;  // credited sources that may deliver yet
  std::vector<const SourceFact*> waiting;
  std::vector<const SourceFact*> gone;
  bool alarm = false;        // a credited source is out
  bool kernel_gone = false;  // its bytes are in every generate
  bool lost = false;         // a credited source
  for (const SourceFact& source : sources) {
    const SourceState state = source.report.state;
    const bool is_kernel = source.traits->role == SourceRole::kKernel;
    if (is_kernel) {
      kernel = state == SourceState::kPassing;
      kernel_gone = state == SourceState::kLost || state == SourceState::kAbsent;
    }
    if (state == SourceState::kWaiting) waiting.push_back(&source);
    if (Gone(source)) gone.push_back(&source);
    if (Creditable(source)) {
      passing |= state == SourceState::kPassing;
      lost |= state == SourceState::kLost;
      if (state == SourceState::kTesting || state == SourceState::kWaiting)
        expected.push_back(&source);
    }
    const bool counts = Creditable(source) || (is_kernel && profile == Profile::kDefault);
    alarm |= counts && state == SourceState::kFailed;
  }

  Decision decision;
  // Its first seed does not wait for a source that passes but has nothing ready.
  decision.kernel_credited = kernel && profile == Profile::kDefault && (!passing || !seed.present);
  const bool available = passing || decision.kernel_credited;
  const bool renewable = available || !expected.empty();
  if (!renewable && alarm) decision.state = State::kError;
  // A seed of a source that has failed since is not used while another is hoped for.
  else if (!seed.present || (seed.overdue && !renewable) || (alarm && !available) || kernel_gone)
    decision.state = State::kSeeding;
  else
    decision.state = gone.empty() && !seed.overdue ? State::kOperational : State::kDegraded;

  const bool serves = decision.state == State::kOperational || decision.state == State::kDegraded;
  Reason& reason = decision.reason = Reason(serves ? kServing : kNotServing);
  if (!serves && decision.state == State::kSeeding) {
    const std::string a_seed = seed.first ? "the first seed" : "a seed";
    if (!expected.empty())
      reason.Add("waiting ", seed.since, " for " + a_seed + " from " + Names(expected));
    else if (available && !kernel_gone)
      reason.Add(a_seed + " is being gathered");
    else if (!kernel_gone && !lost)
      reason.Add(profile == Profile::kStrict
                     ? "no noise source that profile strict credits"
                     : "no credited noise source, and getrandom(2) does not answer");
  }
  if (serves && seed.of_kernel) reason.Add("seeded by getrandom(2) alone");
  for (const SourceFact* source : gone) AddGone(reason, *source);
  for (const SourceFact* source : waiting) AddWaiting(reason, *source);
  if (serves && seed.of_kernel && !passing && gone.empty() && waiting.empty())
    reason.Add(expected.empty() ? "no creditable hardware source"
                                : Names(expected) + " not tested yet");
  if (serves && (seed.overdue || (!reason.empty() && !waiting.empty()))) AddSeedAge(reason, seed);
  return decision;
}

}  // namespace entropyd
