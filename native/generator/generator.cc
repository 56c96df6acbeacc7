// The reseed policy and the seed material of the construction. Longer than most files, because the
// one state machine stands in one place.
#include "generator/generator.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

namespace entropyd {
namespace {

// Min-entropy to ask for: 3/2 of the strength at instantiate, so that no nonce of its own is needed
// (SP 800-90A 8.6.7); the strength at reseed. The provider asks for the same two.
constexpr unsigned kInstantiateBits = 384;
constexpr unsigned kReseedBits = 256;
// 128 bytes of a CPU source at 4 credited bits a byte are 512 bits.
constexpr size_t kCpuSeedSize = 128;
// 64 bytes of getrandom(2): 512 bits where it is credited, and part of every seed where not.
constexpr size_t kKernelSeedSize = 64;
constexpr unsigned kKernelCreditedBits = 8;
constexpr size_t kUncreditedSize = 64;  // of each uncredited source
constexpr size_t kDeviceChunk = 64;
constexpr size_t kAdditionalInputSize = 32;
constexpr uint64_t kNsPerSecond = 1'000'000'000;

// Samples of a device that hold the entropy of an instantiate, in whole chunks.
size_t DeviceCapacity(unsigned credited_bits_per_byte) {
  if (credited_bits_per_byte == 0) return kDeviceChunk;
  const size_t size = (kInstantiateBits + credited_bits_per_byte - 1) / credited_bits_per_byte;
  return (size + kDeviceChunk - 1) / kDeviceChunk * kDeviceChunk;
}

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
      seed_([&sources] {
        size_t size = kKernelSeedSize;
        for (const auto& source : sources)
          size += std::max(kCpuSeedSize, DeviceCapacity(source->traits().credited_bits_per_byte));
        return size;
      }()),
      uncredited_(sources.size() * kUncreditedSize + kKernelSeedSize),
      drbg_(openssl_, *this) {
  for (auto& source : sources) {
    Input input;
    input.traits = source->traits();
    if (input.traits.blocking) {
      input.background = std::make_unique<BackgroundSource>(
          std::move(source), DeviceCapacity(input.traits.credited_bits_per_byte),
          hooks_.on_source_change);
    } else {
      input.direct = std::make_unique<TestedSource>(std::move(source));
      input.direct->Start();
    }
    inputs_.push_back(std::move(input));
  }
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

// Moves the state as the sources' condition calls for. An error latches: only Reseed() leaves it.
// And without its first seed the generator stays in `seeding`, whatever the sources could give.
void Generator::Update() noexcept {
  if (state_ == State::kError) return;
  std::vector<SourceFact> facts;
  facts.reserve(inputs_.size());
  for (const Input& input : inputs_) facts.push_back({&input.traits, input.Report().state});
  Decision decision = Decide(options_.profile, facts);
  // Hardware is there now that the last seed did not come from.
  if (kernel_credited_ && !decision.kernel_credited) reseed_due_ = true;
  kernel_credited_ = decision.kernel_credited;
  seedable_ = Serves(decision.state);
  if (instantiated_ || !seedable_) Enter(decision.state, std::move(decision.reason));
}

Result Generator::Refusal() const noexcept {
  return state_ == State::kSeeding ? Result::kNotSeeded : Result::kHealth;
}

unsigned Generator::Credit(const Input& input, SourceState state) const noexcept {
  if (state != SourceState::kPassing) return 0;
  switch (input.traits.role) {
    case SourceRole::kSeed:
      return input.traits.credited_bits_per_byte;
    case SourceRole::kKernel:
      return kernel_credited_ ? kKernelCreditedBits : 0;
    case SourceRole::kAdditionalInput:
      return 0;
  }
  return 0;
}

size_t Generator::SeedSize(const Input& input) noexcept {
  if (input.background) return input.background->capacity();
  return input.traits.role == SourceRole::kKernel ? kKernelSeedSize : kCpuSeedSize;
}

// Fills seed_ from every credited source; 0 if `entropy_bits` are not to be had now. `fresh` takes
// live noise only: the kernel's generator is none, and what a device gave is recent only after
// BeginFresh(), so that a CPU source, where there is one, is asked alone. Bounded: another turn
// needs a source that has stopped passing.
size_t Generator::CollectSeed(unsigned entropy_bits, bool fresh) noexcept {
  for (bool again = true; again;) {
    again = false;
    Update();
    if (!seedable_ || state_ == State::kError) break;
    size_t at = 0;
    size_t bits = 0;
    bool live = false;
    for (Input& input : inputs_) {
      const unsigned credit = Credit(input, input.Report().state);
      if (credit == 0) continue;
      if (fresh && (input.traits.role == SourceRole::kKernel || (live && input.background)))
        continue;
      const std::span<uint8_t> part = seed_.span().subspan(at, SeedSize(input));
      const bool taken = input.direct ? input.direct->Read(part) : input.background->Take(part);
      if (taken) {
        at += part.size();
        bits += part.size() * credit;
        live |= input.direct != nullptr;
      } else {
        again |= Credit(input, input.Report().state) == 0;
      }
    }
    if (bits >= entropy_bits) return at;
    Wipe(seed_.span());
  }
  return 0;
}

TestedSource* Generator::Direct(SourceRole role) noexcept {
  for (Input& input : inputs_)
    if (input.traits.role == role && input.direct &&
        input.direct->report().state != SourceState::kAbsent)
      return input.direct.get();
  return nullptr;
}

// What goes into a seed without credit: the kernel's bytes always, whatever their tests say, RDRAND
// and the devices where they have something ready. Empty if the kernel's cannot be had.
std::span<const uint8_t> Generator::CollectUncredited() noexcept {
  TestedSource* kernel = Direct(SourceRole::kKernel);
  if (kernel == nullptr || !kernel->ReadUntested(uncredited_.first(kKernelSeedSize))) return {};
  size_t at = kKernelSeedSize;
  for (Input& input : inputs_) {
    const SourceState state = input.Report().state;
    if (input.traits.role == SourceRole::kKernel || state != SourceState::kPassing ||
        Credit(input, state) > 0)
      continue;
    const std::span<uint8_t> part = uncredited_.span().subspan(at, kUncreditedSize);
    if (input.direct ? input.direct->Read(part) : input.background->Take(part)) at += part.size();
  }
  return uncredited_.first(at);
}

// 32 bytes of RDRAND, else of getrandom(2): two copies of one state part ways at once. Empty if
// neither answers.
std::span<const uint8_t> Generator::AdditionalInput() noexcept {
  const std::span<uint8_t> input = uncredited_.first(kAdditionalInputSize);
  TestedSource* rdrand = Direct(SourceRole::kAdditionalInput);
  if (rdrand != nullptr && rdrand->passing()) {
    if (rdrand->ReadUntested(input)) return input;
    Update();
  }
  TestedSource* kernel = Direct(SourceRole::kKernel);
  return kernel != nullptr && kernel->ReadUntested(input) ? input : std::span<uint8_t>{};
}

std::span<uint8_t> Generator::SupplySeed(unsigned entropy_bits, bool fresh) noexcept {
  // Nothing waits where OpenSSL asks of its own accord, after a fork.
  if (seed_ready_ == 0) seed_ready_ = CollectSeed(entropy_bits, fresh);
  return seed_.first(std::exchange(seed_ready_, 0));
}

void Generator::ClearSeed() noexcept { Wipe(seed_.span()); }

uint64_t Generator::Alarms() const {
  uint64_t alarms = 0;
  for (const Input& input : inputs_) alarms += input.Report().alarms;
  return alarms;
}

void Generator::NoteSeeded() noexcept {
  ++reseeds_;
  requests_ = 0;
  reseed_due_ = false;
  seeded_at_ = hooks_.clock();
  alarms_at_seed_ = Alarms();
  Update();  // a source may have failed while it was read
}

// SP 800-90A 9.1, with the uncredited sources as personalization string.
bool Generator::Instantiate() noexcept {
  seed_ready_ = CollectSeed(kInstantiateBits, false);
  if (seed_ready_ == 0) return false;
  const std::span<const uint8_t> personalization = CollectUncredited();
  const WipeGuard guard(uncredited_.span());
  instantiated_ = !personalization.empty() && drbg_.Instantiate(personalization);
  seed_ready_ = 0;
  Wipe(seed_.span());
  if (instantiated_)
    NoteSeeded();
  else
    Enter(State::kError, "the DRBG could not be instantiated");
  return instantiated_;
}

// SP 800-90A 9.2, with the uncredited sources as additional input.
Result Generator::ReseedFrom(size_t seed_size) noexcept {
  seed_ready_ = seed_size;
  const std::span<const uint8_t> additional_input = CollectUncredited();
  const WipeGuard guard(uncredited_.span());
  const bool reseeded = !additional_input.empty() && drbg_.Reseed(additional_input, false);
  seed_ready_ = 0;
  Wipe(seed_.span());
  if (!reseeded) {
    Enter(State::kError, "the DRBG could not be reseeded");
    return Result::kHealth;
  }
  NoteSeeded();
  return instantiated_ ? Result::kOk : Refusal();
}

bool Generator::ReseedDue() noexcept {
  if (fork_.Forked()) {
    for (Input& input : inputs_)
      if (input.background) input.background->Abandon();
    reseed_due_ = true;
  }
  return reseed_due_ || requests_ >= options_.reseed_requests ||
         hooks_.clock() - seeded_at_ >= options_.reseed_seconds * kNsPerSecond;
}

Result Generator::GenerateChunk(std::span<uint8_t> out, bool prediction_resistance) noexcept {
  if (ReseedDue() && !prediction_resistance) {
    const size_t seed_size = CollectSeed(kReseedBits, false);
    // A device alone may not have its samples ready; it has until its read times out, which ends
    // in the error state.
    if (seed_size > 0) {
      const Result result = ReseedFrom(seed_size);
      if (result != Result::kOk) return result;
    } else if (!instantiated_) {
      return Refusal();
    }
  }
  if (prediction_resistance) {
    seed_ready_ = CollectSeed(kReseedBits, true);
    if (seed_ready_ == 0) {
      if (!instantiated_) return Refusal();
      for (const Input& input : inputs_)
        if (input.background && Credit(input, input.Report().state) > 0) return Result::kPending;
      return Result::kEntropy;
    }
  }
  const std::span<const uint8_t> additional_input =
      prediction_resistance ? CollectUncredited() : AdditionalInput();
  const WipeGuard guard(uncredited_.first(additional_input.size()));
  const bool generated =
      !additional_input.empty() && drbg_.Generate(out, additional_input, prediction_resistance);
  if (std::exchange(seed_ready_, 0) > 0) Wipe(seed_.span());
  if (!generated) {
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

void Generator::BeginFresh() noexcept {
  for (Input& input : inputs_)
    if (input.background && input.traits.credited_bits_per_byte > 0) input.background->Discard();
}

void Generator::Poll() noexcept {
  if (instantiated_ && Alarms() != alarms_at_seed_) reseed_due_ = true;
  Update();
  if (instantiated_ || !seedable_ || state_ == State::kError) return;
  if (!Instantiate() && state_ == State::kSeeding)
    Enter(State::kSeeding, "the first seed is being gathered");
}

Result Generator::Reseed() noexcept {
  if (state_ == State::kError) {
    if (!KnownAnswerTest(openssl_, answer_)) return Result::kHealth;
    for (Input& input : inputs_)
      if (input.direct) input.direct->Start();
    state_ = State::kSeeding;
  }
  if (!instantiated_) {
    Poll();
    return instantiated_ ? Result::kOk : Refusal();
  }
  // Two copies of one machine hold the same gathered samples.
  BeginFresh();
  const size_t seed_size = CollectSeed(kReseedBits, false);
  if (seed_size > 0) return ReseedFrom(seed_size);
  if (!instantiated_) return Refusal();
  reseed_due_ = true;  // a device's samples are on their way
  return Result::kPending;
}

bool Generator::SelfTest() noexcept {
  bool passed = true;
  for (Input& input : inputs_) {
    if (input.background) {
      input.background->Retest();
    } else if (input.direct->report().state != SourceState::kAbsent) {
      passed &= input.direct->TestStartup();
    }
  }
  if (!KnownAnswerTest(openssl_, answer_)) {
    Enter(State::kError, "known-answer test of the DRBG failed");
    passed = false;
  }
  reseed_due_ = true;
  Poll();
  return passed;
}

bool Generator::ReadNoise(const std::string& source, std::span<uint8_t> samples) noexcept {
  Wipe(samples);
  for (Input& input : inputs_) {
    if (input.traits.name != source || !input.direct) continue;
    if (input.direct->report().state == SourceState::kAbsent) return false;
    const bool read = input.direct->ReadUntested(samples);
    Update();  // it may have stopped to answer
    return read;
  }
  return false;
}

GeneratorSnapshot Generator::Snapshot() const {
  GeneratorSnapshot snapshot{
      .state = state_,
      .reason = reason_,
      .sources = {},
      .reseeds = reseeds_,
      .requests_since_reseed = requests_,
      .seconds_since_reseed = instantiated_ ? (hooks_.clock() - seeded_at_) / kNsPerSecond : 0,
      .memory_locked = seed_.locked() && uncredited_.locked()};
  for (const Input& input : inputs_) {
    const SourceReport report = input.Report();
    snapshot.sources.push_back({input.traits, report, Credit(input, report.state)});
  }
  return snapshot;
}

}  // namespace entropyd
