// How much each source contributes to a seed, and what it is credited with.
#include "generator/seed_pool.h"

#include <algorithm>

namespace entropyd {
namespace {

// 128 bytes of a CPU source at 4 credited bits per byte are 512 bits.
constexpr size_t kCpuSeedSize = 128;
// 64 bytes of getrandom(2): 512 bits if it is credited, and part of every seed if it is not.
constexpr size_t kKernelSeedSize = 64;
constexpr unsigned kKernelCreditedBits = 8;  // per byte
constexpr size_t kUncreditedSize = 64;       // from each uncredited source
constexpr size_t kDeviceChunk = 64;
constexpr size_t kAdditionalInputSize = 32;

}  // namespace

SeedOffer::~SeedOffer() {
  if (pool_ != nullptr) pool_->Withdraw();
}

// Samples of a device that hold the entropy of an instantiate, in whole chunks.
size_t SeedPool::DeviceCapacity(unsigned credited_bits_per_byte) noexcept {
  if (credited_bits_per_byte == 0) return kDeviceChunk;
  const size_t size = (kInstantiateBits + credited_bits_per_byte - 1) / credited_bits_per_byte;
  return (size + kDeviceChunk - 1) / kDeviceChunk * kDeviceChunk;
}

SeedPool::SeedPool(Profile profile, std::vector<std::unique_ptr<NoiseSource>> sources, Hooks hooks)
    : profile_(profile),
      hooks_(std::move(hooks)),
      seed_([&sources] {
        size_t size = kKernelSeedSize;
        for (const auto& source : sources)
          size += std::max(kCpuSeedSize, DeviceCapacity(source->traits().credited_bits_per_byte));
        return size;
      }()),
      uncredited_(sources.size() * kUncreditedSize + kKernelSeedSize) {
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
}

Decision SeedPool::Evaluate() {
  std::vector<SourceFact> facts;
  facts.reserve(inputs_.size());
  for (const Input& input : inputs_) facts.push_back({&input.traits, input.Report().state});
  Decision decision = Decide(profile_, facts);
  kernel_credited_ = decision.kernel_credited;
  return decision;
}

unsigned SeedPool::Credit(const Input& input, SourceState state) const noexcept {
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

size_t SeedPool::SeedSize(const Input& input) noexcept {
  if (input.background) return input.background->capacity();
  return input.traits.role == SourceRole::kKernel ? kKernelSeedSize : kCpuSeedSize;
}

// Fills the beginning of seed_ and returns its size; 0 if `entropy_bits` cannot be had now.
// Bounded: each further turn needs a source that has stopped passing.
size_t SeedPool::CollectSeed(unsigned entropy_bits, bool fresh) noexcept {
  for (bool again = true; again;) {
    again = false;
    if (!hooks_.reassess()) break;
    size_t at = 0;
    size_t bits = 0;
    bool live = false;
    for (Input& input : inputs_) {
      const unsigned credit = Credit(input, input.Report().state);
      if (credit == 0) continue;
      if (fresh && (input.traits.role == SourceRole::kKernel || (live && input.background)))
        continue;
      const std::span<uint8_t> part = seed_.span().subspan(at, SeedSize(input));
      if (input.Read(part)) {
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

SeedOffer SeedPool::Collect(unsigned entropy_bits, bool fresh) noexcept {
  offered_ = CollectSeed(entropy_bits, fresh);
  return offered_ > 0 ? SeedOffer(*this) : SeedOffer();
}

std::span<uint8_t> SeedPool::SupplySeed(unsigned entropy_bits, bool fresh) noexcept {
  // There is no offer if OpenSSL asks of its own accord, after a fork.
  if (offered_ == 0) offered_ = CollectSeed(entropy_bits, fresh);
  return seed_.first(std::exchange(offered_, 0));
}

void SeedPool::ClearSeed() noexcept { Wipe(seed_.span()); }

void SeedPool::Withdraw() noexcept {
  offered_ = 0;
  ClearSeed();
}

TestedSource* SeedPool::Direct(SourceRole role) noexcept {
  for (Input& input : inputs_)
    if (input.traits.role == role && input.direct &&
        input.direct->report().state != SourceState::kAbsent)
      return input.direct.get();
  return nullptr;
}

std::span<uint8_t> SeedPool::CollectUncredited() noexcept {
  TestedSource* kernel = Direct(SourceRole::kKernel);
  if (kernel == nullptr || !kernel->ReadUntested(uncredited_.first(kKernelSeedSize))) return {};
  size_t at = kKernelSeedSize;
  for (Input& input : inputs_) {
    const SourceState state = input.Report().state;
    if (input.traits.role == SourceRole::kKernel || state != SourceState::kPassing ||
        Credit(input, state) > 0)
      continue;
    const std::span<uint8_t> part = uncredited_.span().subspan(at, kUncreditedSize);
    if (input.Read(part)) at += part.size();
  }
  return uncredited_.first(at);
}

std::span<uint8_t> SeedPool::AdditionalInput() noexcept {
  const std::span<uint8_t> input = uncredited_.first(kAdditionalInputSize);
  TestedSource* rdrand = Direct(SourceRole::kAdditionalInput);
  if (rdrand != nullptr && rdrand->passing()) {
    if (rdrand->ReadUntested(input)) return input;
    hooks_.reassess();  // RDRAND has stopped passing
  }
  TestedSource* kernel = Direct(SourceRole::kKernel);
  return kernel != nullptr && kernel->ReadUntested(input) ? input : std::span<uint8_t>{};
}

void SeedPool::Discard() noexcept {
  for (Input& input : inputs_)
    if (input.background && input.traits.credited_bits_per_byte > 0) input.background->Discard();
}

bool SeedPool::AwaitsDevice() const noexcept {
  return std::ranges::any_of(inputs_, [this](const Input& input) {
    return input.background && Credit(input, input.Report().state) > 0;
  });
}

void SeedPool::Restart() noexcept {
  for (Input& input : inputs_)
    if (input.direct) input.direct->Start();
}

bool SeedPool::TestOnDemand() noexcept {
  bool passed = true;
  for (Input& input : inputs_) {
    if (input.background) {
      input.background->Retest();
    } else if (input.direct->report().state != SourceState::kAbsent) {
      passed &= input.direct->TestStartup();
    }
  }
  return passed;
}

void SeedPool::AbandonThreads() noexcept {
  for (Input& input : inputs_)
    if (input.background) input.background->Abandon();
}

bool SeedPool::ReadNoise(const std::string& source, std::span<uint8_t> samples) noexcept {
  Wipe(samples);
  for (Input& input : inputs_) {
    if (input.traits.name != source || !input.direct) continue;
    if (input.direct->report().state == SourceState::kAbsent) return false;
    const bool read = input.direct->ReadUntested(samples);
    hooks_.reassess();  // the source may have stopped answering
    return read;
  }
  return false;
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

}  // namespace entropyd
