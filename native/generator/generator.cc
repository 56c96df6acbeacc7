// The reseed policy and the state machine of the construction. Long because both decide on the same
// few fields.
#include "generator/generator.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <mutex>
#include <utility>

#include "memory/monotonic_condition.h"

namespace entropyd {
namespace {

// The DRBG's known-answer test is repeated at this interval (SP 800-90A 11.3.3).
constexpr uint64_t kTestIntervalNs = 600 * kNsPerSecond;
// A reseed that has been due for so long is overdue. Reading the samples takes milliseconds.
constexpr uint64_t kReseedGraceNs = 5 * kNsPerSecond;
constexpr uint64_t kReportNs = 60 * kNsPerSecond;

bool Serves(State state) { return state == State::kOperational || state == State::kDegraded; }

}  // namespace

struct Generator::Signal {
  void Set() {
    const std::lock_guard lock(mutex);
    set = true;
    condition.NotifyAll();
  }
  bool Await(std::chrono::nanoseconds limit) {
    std::unique_lock lock(mutex);
    condition.WaitFor(lock, limit, [this] { return set; });
    return std::exchange(set, false);
  }

  std::mutex mutex;
  MonotonicCondition condition;
  bool set = false;
};

Generator::Generator(const GeneratorOptions& options, std::vector<SourceFactory> sources,
                     GeneratorHooks hooks, const KnownAnswers& answers)
    : options_(options),
      hooks_(std::move(hooks)),
      answers_(answers),
      signal_(std::make_shared<Signal>()),
      pool_(openssl_, options.profile, std::move(sources), hooks_.clock,
            [signal = signal_, on_change = hooks_.on_source_change] {
              signal->Set();
              on_change();
            }),
      drbg_(openssl_, pool_),
      mixer_(openssl_),
      seeded_at_(hooks_.clock()),
      tested_at_(seeded_at_),
      reports_since_(seeded_at_) {
  if (!KnownAnswerTest(openssl_, answers_)) {
    Fail("the DRBG failed its known-answer test");
    return;
  }
  AwaitFirstSeed();
  Poll();
}

Generator::~Generator() = default;

// In real time: it bounds what the caller waits.
void Generator::AwaitFirstSeed() noexcept {
  const uint64_t end = NowNs() + options_.first_seed_ms * 1'000'000;
  while (pool_.Gathering()) {
    const uint64_t now = NowNs();
    if (now >= end) return;
    signal_->Await(std::chrono::nanoseconds(end - now));
  }
}

SeedFacts Generator::Seed() const noexcept {
  return {.present = instantiated_,
          .since = seeded_at_,
          .overdue = due_since_ && hooks_.clock() - *due_since_ > kReseedGraceNs,
          .first = reseeds_ == 0,
          .of_kernel = instantiated_ && construction_ == Construction::kRbgc};
}

SeedOffer Generator::Gather(uint64_t since, bool live) noexcept {
  alarms_before_ = pool_.Alarms();
  return pool_.Collect(since, live);
}

void Generator::Enter(Decision decision) noexcept {
  if (!Serves(decision.state) && instantiated_) {
    drbg_.Uninstantiate();
    instantiated_ = false;
    resistant_to_ = 0;
    due_since_.reset();
    seeded_at_ = hooks_.clock();
  }
  const bool changed = decision.state != state_;
  if (decision.reason != reason_) reported_ = false;
  state_ = decision.state;
  reason_ = std::move(decision.reason);  // with its times
  if (!changed && (reported_ || !MayReport())) return;
  reported_ = true;
  hooks_.on_transition(state_, reason());
}

// A source that comes and goes must not flood the log: four changes of the reason alone, and then
// one a minute. The status always has the present one.
bool Generator::MayReport() noexcept {
  const uint64_t now = hooks_.clock();
  const uint64_t minutes = (now - reports_since_) / kReportNs;
  if (minutes > 0) {
    reports_left_ = static_cast<unsigned>(std::min<uint64_t>(reports_left_ + minutes, kMaxReports));
    reports_since_ += minutes * kReportNs;
  }
  if (reports_left_ == 0) return false;
  --reports_left_;
  return true;
}

void Generator::Fail(const std::string& what) noexcept {
  Decision decision{.state = State::kError, .reason = Reason("not serving")};
  decision.reason.Add(what + "; entropyctl selftest tests it again");
  Enter(std::move(decision));
}

Result Generator::Refusal() const noexcept {
  return state_ == State::kError ? Result::kHealth : Result::kNotSeeded;
}

void Generator::NoteSeeded(const SeedOffer& seed) noexcept {
  ++reseeds_;
  requests_ = 0;
  seeded_at_ = hooks_.clock();
  construction_ = seed.construction();
  if (seed.since() >= wanted_since_) reseed_wanted_ = false;
  due_since_.reset();
  awaiting_ = false;
  alarms_at_seed_ = alarms_before_;
  // Live noise serves prediction resistance, whatever it was gathered for.
  if (construction_ != Construction::kRbgc) resistant_to_ = std::max(resistant_to_, seed.since());
}

// SP 800-90A 9.1.
bool Generator::Instantiate() noexcept {
  const SeedOffer seed = Gather(wanted_since_, false);
  if (!seed) return false;
  instantiated_ = drbg_.Instantiate({});
  if (instantiated_)
    NoteSeeded(seed);
  else
    Fail("the DRBG could not be instantiated");
  return instantiated_;
}

// SP 800-90A 9.2. The DRBG takes `seed`, which the caller holds open.
bool Generator::ReseedFrom(const SeedOffer& seed) noexcept {
  if (!drbg_.Reseed({})) {
    Fail("the DRBG could not be reseeded");
    return false;
  }
  NoteSeeded(seed);
  return true;
}

// Reseeds if that is due and samples are ready; until they are, the last seed serves.
void Generator::Renew() noexcept {
  const uint64_t now = hooks_.clock();
  if (!reseed_wanted_ && requests_ < options_.reseed_requests &&
      now - seeded_at_ < options_.reseed_seconds * kNsPerSecond)
    return;
  if (!due_since_) due_since_ = now;
  if (awaiting_) return;
  if (const SeedOffer seed = Gather(wanted_since_, false)) {
    ReseedFrom(seed);
  } else {
    awaiting_ = true;
    pool_.Request(wanted_since_);
  }
  // The kernel's and RDRAND's samples were tested just now.
  if (state_ != State::kError) Enter(pool_.Evaluate(Seed()));
}

// The threads are in the parent, and the state is its state, too.
void Generator::NoteFork() noexcept {
  pool_.AbandonThreads();
  drbg_.Uninstantiate();
  instantiated_ = false;
  resistant_to_ = 0;
  Poll();
}

Result Generator::GenerateChunk(std::span<uint8_t> out) noexcept {
  const std::span<uint8_t> additional_input = pool_.AdditionalInput();
  const WipeGuard guard(additional_input);
  if (additional_input.empty()) {
    Enter(pool_.Evaluate(Seed()));  // getrandom(2) is gone
    return Refusal();
  }
  std::ranges::transform(additional_input, mixed_, additional_input.begin(), std::bit_xor<>());
  Wipe(mixed_);
  if (!drbg_.Generate(out, additional_input)) {
    Fail("the DRBG failed to generate");
    return Result::kHealth;
  }
  ++requests_;
  return Result::kOk;
}

void Generator::Mix(std::span<const uint8_t> bytes) noexcept {
  if (bytes.size() > kMaxMix) return;
  std::array<uint8_t, kSeedSize + kMaxMix> material;
  const std::span<uint8_t> all(material);
  const WipeGuard guard(all);
  std::ranges::copy(mixed_, all.begin());
  std::ranges::copy(bytes, all.begin() + kSeedSize);
  mixer_.Condition(all.first(kSeedSize + bytes.size()), mixed_);
}

Result Generator::Generate(std::span<uint8_t> out) noexcept {
  Result result = Result::kOk;
  for (size_t at = 0; result == Result::kOk && at < out.size(); at += kMaxGenerate) {
    if (fork_.Forked()) NoteFork();
    if (instantiated_) Renew();
    result = instantiated_ ? GenerateChunk(out.subspan(at, std::min(kMaxGenerate, out.size() - at)))
                           : Refusal();
  }
  if (result != Result::kOk) Wipe(out);
  return result;
}

Result Generator::GenerateResistant(std::span<uint8_t> out, uint64_t request) noexcept {
  if (fork_.Forked()) NoteFork();
  Result result = instantiated_ ? Result::kOk : Refusal();
  if (result == Result::kOk && resistant_to_ < request) {
    if (const SeedOffer seed = Gather(std::max(request, wanted_since_), true)) {
      if (!ReseedFrom(seed)) result = Result::kHealth;
    } else {
      result = pool_.Request(request) ? Result::kPending : Result::kEntropy;
    }
  }
  if (result == Result::kOk) result = GenerateChunk(out);
  if (result != Result::kOk) Wipe(out);
  return result;
}

void Generator::Poll() noexcept {
  if (fork_.Forked()) return NoteFork();
  awaiting_ = false;
  pool_.ReviveDirect();
  if (state_ == State::kError) return;
  const uint64_t now = hooks_.clock();
  if (now - tested_at_ >= kTestIntervalNs) {
    tested_at_ = now;
    if (!KnownAnswerTest(openssl_, answers_)) return Fail("the DRBG failed its known-answer test");
  }
  if (instantiated_ && pool_.Alarms() != alarms_at_seed_) reseed_wanted_ = true;
  const Decision decision = pool_.Evaluate(Seed());
  if (!instantiated_) {
    if (decision.state == State::kSeeding) Instantiate();
  } else {
    if (pool_.Improves(construction_)) reseed_wanted_ = true;
    if (reseed_wanted_ || due_since_) Renew();
  }
  if (state_ != State::kError) Enter(pool_.Evaluate(Seed()));
}

Result Generator::Reseed() noexcept {
  if (state_ == State::kError) return Result::kHealth;
  // Two copies of one machine hold the same samples.
  wanted_since_ = pool_.Arrive();
  reseed_wanted_ = true;
  Poll();
  if (instantiated_) return reseed_wanted_ ? Result::kPending : Result::kOk;
  pool_.Request(wanted_since_);
  return Refusal();
}

bool Generator::FinishSelfTest(std::span<const SelfTestResult> results) noexcept {
  pool_.Apply(results);
  tested_at_ = hooks_.clock();
  if (!KnownAnswerTest(openssl_, answers_)) {
    Fail("the DRBG failed its known-answer test");
    return false;
  }
  if (state_ == State::kError) {
    state_ = State::kSeeding;
    reported_ = false;
  }
  if (instantiated_) reseed_wanted_ = true;
  Poll();
  return state_ != State::kError && std::ranges::none_of(results, [](const SelfTestResult& result) {
           return result.state == SourceState::kFailed;
         });
}

GeneratorSnapshot Generator::Snapshot() const {
  return {.state = state_,
          .reason = reason(),
          .construction = instantiated_ ? std::optional(construction_) : std::nullopt,
          .sources = pool_.Snapshot(),
          .reseeds = reseeds_,
          .requests_since_reseed = requests_,
          .seconds_since_reseed = instantiated_ ? (hooks_.clock() - seeded_at_) / kNsPerSecond : 0,
          .memory_locked = pool_.memory_locked()};
}

}  // namespace entropyd
