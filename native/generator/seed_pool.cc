// How much each source contributes to a seed, and what it is credited with. Long because one seed
// takes from every kind of source.
#include "generator/seed_pool.h"

#include <algorithm>
#include <cmath>

namespace entropyd {
namespace {

// Min-entropy that the material of a seed must be credited with, bits: 64 more than the 384 of the
// seed, so that the seed has full entropy (SP 800-90C on vetted conditioning components).
constexpr unsigned kMaterialBits = 8 * kSeedSize + 64;
// Bytes of the kernel in every seed: 512 bits if they are credited. As much of RDRAND, and of a
// device that is not credited.
constexpr size_t kUncreditedSize = 64;
constexpr unsigned kKernelCreditedBits = 8;  // per byte
constexpr size_t kChunk = 64;                // of BackgroundSource
constexpr size_t kRdrandInput = 32;
constexpr uint64_t kQuickNs = kNsPerSecond / 10;  // to gather a seed

// Samples that alone hold the entropy of a seed, in whole chunks.
size_t Capacity(const SourceTraits& traits) {
  if (traits.credited_bits_per_byte <= 0) return kUncreditedSize;
  const auto size = static_cast<size_t>(std::ceil(kMaterialBits / traits.credited_bits_per_byte));
  return (size + kChunk - 1) / kChunk * kChunk;
}

}  // namespace

const char* Name(Construction construction) noexcept {
  switch (construction) {
    case Construction::kRbg2Physical:
      return "RBG2(P)";
    case Construction::kRbg2NonPhysical:
      return "RBG2(NP)";
    case Construction::kRbgc:
      return "RBGC";
  }
  return "RBGC";
}

SeedOffer::~SeedOffer() {
  if (pool_ != nullptr) pool_->Withdraw();
}

SeedPool::SeedPool(const OpensslContext& openssl, Profile profile,
                   std::vector<SourceFactory> factories, Clock clock,
                   const std::function<void()>& on_source_change)
    : profile_(profile),
      self_tester_(std::make_shared<SelfTester>(std::move(factories))),
      clock_(clock),
      conditioner_(openssl),
      material_([this] {
        size_t size = 0;
        for (const SourceFactory& make : self_tester_->factories())
          size += std::max(kUncreditedSize, Capacity(make()->traits()));
        return std::max(size, kUncreditedSize);
      }()),
      seed_(kSeedSize),
      additional_input_(kSeedSize) {
  for (const SourceFactory& make : self_tester_->factories()) {
    Input input;
    std::unique_ptr<NoiseSource> source = make();
    input.traits = source->traits();
    if (input.traits.role == SourceRole::kSeed) {
      const size_t capacity = Capacity(input.traits);
      input.background = std::make_unique<BackgroundSource>(std::move(source), capacity, clock_,
                                                            arrivals_, on_source_change);
    } else {
      input.direct = std::make_unique<TestedSource>(std::move(source), clock_);
      input.direct->Start();
      (input.traits.role == SourceRole::kKernel ? kernel_ : rdrand_) = input.direct.get();
    }
    inputs_.push_back(std::move(input));
  }
}

Decision SeedPool::Evaluate(const SeedFacts& seed) {
  std::vector<SourceFact> facts;
  facts.reserve(inputs_.size());
  for (const Input& input : inputs_) facts.push_back({&input.traits, input.Report()});
  Decision decision = Decide(profile_, facts, seed);
  kernel_credited_ = decision.kernel_credited;
  return decision;
}

bool SeedPool::Gathering() const {
  bool gathering = false;
  for (const Input& input : inputs_) {
    if (!input.background || input.traits.credited_bits_per_byte <= 0) continue;
    if (input.background->ready()) return false;
    const SourceState state = input.Report().state;
    gathering |= state == SourceState::kTesting || state == SourceState::kPassing;
  }
  return gathering;
}

bool SeedPool::Improves(Construction construction) const {
  return std::ranges::any_of(inputs_, [construction](const Input& input) {
    return input.background && input.traits.credited_bits_per_byte > 0 &&
           input.Report().state == SourceState::kPassing &&
           (input.traits.physical ? construction != Construction::kRbg2Physical
                                  : construction == Construction::kRbgc);
  });
}

// The reserve is spared while another credited source passes that gathers a seed quickly, even if
// that one has nothing ready.
bool SeedPool::ReserveSpared() const noexcept {
  return std::ranges::any_of(inputs_, [](const Input& input) {
    if (!input.background || input.traits.reserve || input.traits.credited_bits_per_byte <= 0)
      return false;
    const SourceReport report = input.Report();
    if (report.state != SourceState::kPassing || report.timed_bytes == 0) return false;
    return report.read_ns / report.timed_bytes * input.background->capacity() < kQuickNs;
  });
}

void SeedPool::ReviveDirect() noexcept {
  for (TestedSource* source : {kernel_, rdrand_}) {
    if (source == nullptr) continue;
    const SourceState state = source->report().state;
    if (state == SourceState::kLost || state == SourceState::kAbsent)
      source->Start();
    else
      source->Probe();
  }
}

double SeedPool::Credit(const Input& input, SourceState state) const noexcept {
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

// The kernel's bytes are in every seed, whatever their tests say; RDRAND's if it passes. False if
// the kernel does not answer.
bool SeedPool::CollectDirect(size_t& at, double& bits) noexcept {
  bool kernel_read = false;
  for (TestedSource* source : {kernel_, rdrand_}) {
    if (source == nullptr) continue;
    // It may have had nothing to give when it was opened.
    if (source->report().state == SourceState::kTesting) source->TestStartup();
    const std::span<uint8_t> part = material_.span().subspan(at, kUncreditedSize);
    const bool tested = source->Read(part);
    if (!tested && (source != kernel_ || !source->ReadUntested(part))) continue;
    at += part.size();
    if (source != kernel_) continue;
    kernel_read = true;
    if (tested && kernel_credited_) bits += kKernelCreditedBits * kUncreditedSize;
  }
  return kernel_read;
}

SeedOffer SeedPool::Collect(uint64_t since, bool live) noexcept {
  const WipeGuard guard(material_.span());
  size_t at = 0;
  double kernel_bits = 0;
  if (!CollectDirect(at, kernel_bits)) return {};
  double bits = 0;
  uint64_t oldest = ~uint64_t{0};
  Construction from = Construction::kRbg2Physical;
  const bool spare_reserve = ReserveSpared();
  for (Input& input : inputs_) {
    if (!input.background || input.traits.credited_bits_per_byte <= 0 ||
        (input.traits.reserve && spare_reserve))
      continue;
    const std::span<uint8_t> part = material_.span().subspan(at, input.background->capacity());
    const std::optional<uint64_t> read_since = input.background->Take(part, since);
    if (!read_since) continue;
    at += part.size();
    bits += input.traits.credited_bits_per_byte * static_cast<double>(part.size());
    oldest = std::min(oldest, *read_since);
    if (!input.traits.physical) from = Construction::kRbg2NonPhysical;
  }
  if (bits < kMaterialBits) {
    if (live || bits + kernel_bits < kMaterialBits) return {};
    from = Construction::kRbgc;
  }
  for (Input& input : inputs_) {
    if (!input.background || input.traits.credited_bits_per_byte > 0) continue;
    const std::span<uint8_t> part = material_.span().subspan(at, kUncreditedSize);
    if (input.background->Take(part, 0)) at += part.size();
  }
  if (!conditioner_.Condition(material_.first(at), seed_.span())) return {};
  offered_ = true;
  return {*this, oldest, from};
}

bool SeedPool::Request(uint64_t since) noexcept {
  bool expected = false;
  const bool spare_reserve = ReserveSpared();
  for (Input& input : inputs_) {
    if (!input.background || input.traits.credited_bits_per_byte <= 0) continue;
    const SourceState state = input.Report().state;
    expected |= state == SourceState::kPassing || state == SourceState::kTesting ||
                state == SourceState::kWaiting;
    if (!input.traits.reserve || !spare_reserve) input.background->DropBefore(since);
  }
  return expected;
}

std::span<uint8_t> SeedPool::SupplySeed() noexcept {
  if (!std::exchange(offered_, false)) return {};
  return seed_.span();
}

void SeedPool::ClearSeed() noexcept { Wipe(seed_.span()); }

void SeedPool::Withdraw() noexcept {
  offered_ = false;
  ClearSeed();
}

std::span<uint8_t> SeedPool::AdditionalInput() noexcept {
  if (kernel_ == nullptr) return {};
  const std::span<uint8_t> all = additional_input_.span();
  const bool rdrand =
      rdrand_ != nullptr && rdrand_->passing() && rdrand_->ReadUntested(all.first(kRdrandInput));
  if (!kernel_->ReadUntested(rdrand ? all.subspan(kRdrandInput) : all)) return {};
  return all;
}

void SeedPool::Apply(std::span<const SelfTestResult> results) noexcept {
  for (size_t i = 0; i < std::min(results.size(), inputs_.size()); ++i) {
    Input& input = inputs_[i];
    const SelfTestResult& result = results[i];
    const SourceState now = input.Report().state;
    const bool out =
        now == SourceState::kFailed || now == SourceState::kLost || now == SourceState::kAbsent;
    if (result.state == SourceState::kFailed) {
      if (input.background)
        input.background->Fail(result.test);
      else
        input.direct->Fail(result.test);
    } else if (out) {
      // Its own startup test decides: a slow device may not pass in the time of a self-test, and
      // one that can be open only once cannot be tested beside itself.
      if (input.background) {
        input.background->Revive();
      } else {
        input.direct->Revive();
        input.direct->Start();
      }
    }
  }
}

void SeedPool::AbandonThreads() noexcept {
  for (Input& input : inputs_)
    if (input.background) input.background->Abandon();
}

uint64_t SeedPool::Alarms() const {
  uint64_t alarms = 0;
  for (const Input& input : inputs_) alarms += input.Report().alarms;
  return alarms;
}

std::vector<SourceSnapshot> SeedPool::Snapshot() const {
  std::vector<SourceSnapshot> snapshot;
  for (const Input& input : inputs_) {
    const SourceReport report = input.Report();
    snapshot.push_back({input.traits, report, Credit(input, report.state)});
  }
  return snapshot;
}

bool SeedPool::memory_locked() const noexcept {
  return material_.locked() && seed_.locked() && additional_input_.locked() &&
         std::ranges::all_of(inputs_, [](const Input& input) {
           return !input.background || input.background->memory_locked();
         });
}

}  // namespace entropyd
