// The reseed policy and the state machine of the construction.
#include "generator/generator.h"

#include <algorithm>
#include <ctime>
#include <utility>

namespace entropyd {
namespace {

constexpr uint64_t kNsPerSecond = 1'000'000'000;

bool Serves(State state) { return state == State::kOperational || state == State::kDegraded; }

}  // namespace

uint64_t BootTimeNs() noexcept {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * kNsPerSecond + static_cast<uint64_t>(now.tv_nsec);
}

Generator::Generator(const GeneratorOptions& options,
                     std::vector<std::unique_ptr<NoiseSource>> sources, GeneratorHooks hooks,
                     const KnownAnswer& answer)
    : options_(options),
      hooks_(std::move(hooks)),
      answer_(answer),
      pool_(options.profile, std::move(sources),
            {.reassess =
                 [this] {
                   Update();
                   return seedable_ && state_ != State::kError;
                 },
             .on_source_change = hooks_.on_source_change}),
      drbg_(openssl_, pool_) {
  if (KnownAnswerTest(openssl_, answer_))
    Poll();
  else
    Enter(State::kError, "known-answer test of the DRBG failed");
}

Generator::~Generator() { drbg_.Uninstantiate(); }

void Generator::Enter(State state, std::string reason) noexcept {
  if (!Serves(state)) {
    drbg_.Uninstantiate();
    instantiated_ = false;
  }
  if (state == state_ && reason == reason_) return;
  state_ = state;
  reason_ = std::move(reason);
  hooks_.on_transition(state_, reason_);
}

// Enters the state that the sources' condition calls for. An error latches: only Reseed() leaves
// it. Until its first seed the generator stays in `seeding`, whatever the sources could give.
void Generator::Update() noexcept {
  if (state_ == State::kError) return;
  const bool kernel_was_credited = pool_.kernel_credited();
  Decision decision = pool_.Evaluate();
  // Hardware is available again, and the last seed did not come from it.
  if (kernel_was_credited && !decision.kernel_credited) reseed_due_ = true;
  seedable_ = Serves(decision.state);
  if (instantiated_ || !seedable_) Enter(decision.state, std::move(decision.reason));
}

Result Generator::Refusal() const noexcept {
  return state_ == State::kSeeding ? Result::kNotSeeded : Result::kHealth;
}

void Generator::NoteSeeded() noexcept {
  ++reseeds_;
  requests_ = 0;
  reseed_due_ = false;
  seeded_at_ = hooks_.clock();
  alarms_at_seed_ = pool_.Alarms();
  Update();  // a source may have failed while it was read
}

// SP 800-90A 9.1, with the uncredited sources as personalization string.
bool Generator::Instantiate() noexcept {
  const SeedOffer seed = pool_.Collect(kInstantiateBits, false);
  if (!seed) return false;
  const std::span<uint8_t> personalization = pool_.CollectUncredited();
  const WipeGuard guard(personalization);
  instantiated_ = !personalization.empty() && drbg_.Instantiate(personalization);
  if (instantiated_)
    NoteSeeded();
  else
    Enter(State::kError, "the DRBG could not be instantiated");
  return instantiated_;
}

// SP 800-90A 9.2, with the uncredited sources as additional input. The DRBG takes `seed`, which the
// caller holds open.
Result Generator::ReseedFrom(const SeedOffer& /*seed*/) noexcept {
  const std::span<uint8_t> additional_input = pool_.CollectUncredited();
  const WipeGuard guard(additional_input);
  if (additional_input.empty() || !drbg_.Reseed(additional_input, false)) {
    Enter(State::kError, "the DRBG could not be reseeded");
    return Result::kHealth;
  }
  NoteSeeded();
  return instantiated_ ? Result::kOk : Refusal();
}

bool Generator::ReseedDue() noexcept {
  if (fork_.Forked()) {
    pool_.AbandonThreads();
    reseed_due_ = true;
  }
  return reseed_due_ || requests_ >= options_.reseed_requests ||
         hooks_.clock() - seeded_at_ >= options_.reseed_seconds * kNsPerSecond;
}

Result Generator::GenerateChunk(std::span<uint8_t> out, bool prediction_resistance) noexcept {
  if (ReseedDue() && !prediction_resistance) {
    // A device alone may not have its samples ready; it has until its read times out, which ends
    // in the error state.
    if (const SeedOffer seed = pool_.Collect(kReseedBits, false)) {
      const Result result = ReseedFrom(seed);
      if (result != Result::kOk) return result;
    } else if (!instantiated_) {
      return Refusal();
    }
  }
  const SeedOffer seed = prediction_resistance ? pool_.Collect(kReseedBits, true) : SeedOffer();
  if (prediction_resistance && !seed) {
    if (!instantiated_) return Refusal();
    return pool_.AwaitsDevice() ? Result::kPending : Result::kEntropy;
  }
  const std::span<uint8_t> additional_input =
      prediction_resistance ? pool_.CollectUncredited() : pool_.AdditionalInput();
  const WipeGuard guard(additional_input);
  if (additional_input.empty() || !drbg_.Generate(out, additional_input, prediction_resistance)) {
    Enter(State::kError, "the DRBG failed to generate");
    return Result::kHealth;
  }
  if (prediction_resistance) NoteSeeded();
  ++requests_;
  return instantiated_ ? Result::kOk : Refusal();
}

Result Generator::Generate(std::span<uint8_t> out, bool prediction_resistance) noexcept {
  Result result = instantiated_ ? Result::kOk : Refusal();
  for (size_t at = 0; result == Result::kOk && at < out.size(); at += kMaxGenerate)
    result = GenerateChunk(out.subspan(at, std::min(kMaxGenerate, out.size() - at)),
                           prediction_resistance);
  if (result != Result::kOk) Wipe(out);
  return result;
}

void Generator::BeginFresh() noexcept { pool_.Discard(); }

void Generator::Poll() noexcept {
  if (instantiated_ && pool_.Alarms() != alarms_at_seed_) reseed_due_ = true;
  Update();
  if (instantiated_ || !seedable_ || state_ == State::kError) return;
  if (!Instantiate() && state_ == State::kSeeding)
    Enter(State::kSeeding, "the first seed is being gathered");
}

Result Generator::Reseed() noexcept {
  if (state_ == State::kError) {
    if (!KnownAnswerTest(openssl_, answer_)) return Result::kHealth;
    pool_.Restart();
    state_ = State::kSeeding;
  }
  if (!instantiated_) {
    Poll();
    return instantiated_ ? Result::kOk : Refusal();
  }
  // Two copies of one machine hold the same samples.
  BeginFresh();
  if (const SeedOffer seed = pool_.Collect(kReseedBits, false)) return ReseedFrom(seed);
  if (!instantiated_) return Refusal();
  reseed_due_ = true;  // a device's samples are still being read
  return Result::kPending;
}

bool Generator::SelfTest() noexcept {
  bool passed = pool_.TestOnDemand();
  if (!KnownAnswerTest(openssl_, answer_)) {
    Enter(State::kError, "known-answer test of the DRBG failed");
    passed = false;
  }
  reseed_due_ = true;
  Poll();
  return passed;
}

bool Generator::ReadNoise(const std::string& source, std::span<uint8_t> samples) noexcept {
  return pool_.ReadNoise(source, samples);
}

GeneratorSnapshot Generator::Snapshot() const {
  return {.state = state_,
          .reason = reason_,
          .sources = pool_.Snapshot(),
          .reseeds = reseeds_,
          .requests_since_reseed = requests_,
          .seconds_since_reseed = instantiated_ ? (hooks_.clock() - seeded_at_) / kNsPerSecond : 0,
          .memory_locked = pool_.memory_locked()};
}

}  // namespace entropyd
