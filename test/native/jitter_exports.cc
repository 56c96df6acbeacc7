// The CPU jitter source on simulated clocks: stuck, coarse, backwards, without entropy.
#include "jitter_exports.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "health/health_tests.h"
#include "sources/jitter.h"

namespace entropyd::test {
namespace {

// The cutoffs that native/sources/jitter.cc states. sqrt(1/2) = 2^-0.5.
constexpr long double kMostLikely = 0.70710678118654752440L;
static_assert(RepetitionCutoff(0.5L, kIntermittentAlphaLog2) == 61);
static_assert(RepetitionCutoff(0.5L, kPermanentAlphaLog2) == 121);
static_assert(AdaptiveProportionCutoff(kAdaptiveWindow, kMostLikely, kIntermittentAlphaLog2) ==
              422);
static_assert(AdaptiveProportionCutoff(kAdaptiveWindow, kMostLikely, kPermanentAlphaLog2) == 447);
// The samples of Open() that may be equal.
static_assert(CriticalBinomial(128, 0.25L, -30) == 64);

// Simulated time in nanoseconds. It starts again with every source.
struct Simulation {
  uint64_t now = 0;
  uint64_t calls = 0;
  uint64_t state = 0;
};
Simulation simulated;  // NOLINT: a clock has no argument, and there is one test thread

// Vigna's splitmix64: no entropy at all.
uint64_t Splitmix() noexcept {
  uint64_t z = simulated.state += 0x9e3779b97f4a7c15U;
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31U);
}

// What a loop takes, and how much that varies.
constexpr uint64_t kLoopNs = 800;
constexpr uint64_t kVariationNs = 128;

uint64_t Healthy() noexcept {
  ++simulated.calls;
  return simulated.now += kLoopNs + Splitmix() % kVariationNs;
}

template <uint64_t kStepNs>
uint64_t Coarse() noexcept {
  return Healthy() / kStepNs * kStepNs;
}

// Calls of the clock by Open(), and by a read before its first sample.
constexpr uint64_t kOpenCalls = 129;
constexpr uint64_t kReadCalls = 1;
constexpr uint64_t kHealthySamples = 1000;

// Healthy for the first 1000 samples of a read; then a loop takes exactly `broken_ns`, except for
// one in `healthy_of` loops.
template <uint64_t kBrokenNs, uint64_t kHealthyOf>
uint64_t Breaking() noexcept {
  const uint64_t before = simulated.now;
  Healthy();
  const bool broken = simulated.calls > kOpenCalls + kReadCalls + kHealthySamples;
  if (broken && Splitmix() % kHealthyOf != 0) simulated.now = before + kBrokenNs;
  return simulated.now;
}

uint64_t Stuck() noexcept { return 1; }
uint64_t Counter() noexcept { return ++simulated.now; }
uint64_t Backwards() noexcept {
  Healthy();
  return simulated.calls % 100 == 0 ? simulated.now - kLoopNs * 2 : simulated.now;
}
uint64_t Descheduled() noexcept {
  constexpr uint64_t kAbsenceNs = 10'000'000'000;
  Healthy();
  if (simulated.calls == kOpenCalls + kHealthySamples) simulated.now += kAbsenceNs;
  return simulated.now;
}

constexpr uint64_t kNever = ~uint64_t{0};
const std::map<std::string, uint64_t (*)() noexcept> kSimulated = {
    {"healthy", Healthy},
    {"stuck", Stuck},
    {"counter", Counter},
    {"backwards", Backwards},
    {"41 ns", Coarse<41>},  // the step of a counter of 24 MHz
    {"1 us", Coarse<1'000>},
    {"4096 ns", Coarse<4'096>},
    {"1 ms", Coarse<1'000'000>},
    {"stuck later", Breaking<0, kNever>},
    {"counter later", Breaking<kLoopNs, kNever>},
    {"biased later", Breaking<kLoopNs, 10>},  // nine of ten: 0.15 bits per sample
    {"descheduled", Descheduled},
};

class JitterWrap : public Napi::ObjectWrap<JitterWrap> {
 public:
  static Napi::Function Class(Napi::Env env) {
    return DefineClass(
        env, "Jitter",
        {InstanceMethod<&JitterWrap::Traits>("traits"), InstanceMethod<&JitterWrap::Open>("open"),
         InstanceMethod<&JitterWrap::Error>("error"), InstanceMethod<&JitterWrap::Read>("read"),
         InstanceMethod<&JitterWrap::Test>("test"), StaticMethod<&JitterWrap::Clocks>("clocks")});
  }

  // (names of clocks); without them, the product's choice
  explicit JitterWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<JitterWrap>(info) {
    simulated = {};
    if (!info[0].IsArray()) {
      source_ = MakeJitter();
      return;
    }
    std::vector<JitterClock> clocks;
    const auto names = info[0].As<Napi::Array>();
    for (uint32_t i = 0; i < names.Length(); ++i) {
      const std::string name = names.Get(i).ToString();
      if (const auto clock = kSimulated.find(name); clock != kSimulated.end())
        clocks.push_back({clock->first.c_str(), clock->second});
      for (const JitterClock& clock : JitterClocks())
        if (name == clock.name) clocks.push_back(clock);
    }
    source_ = MakeJitterOn(std::move(clocks));
  }

 private:
  // -> this host's clocks
  static Napi::Value Clocks(const Napi::CallbackInfo& info) {
    Napi::Array names = Napi::Array::New(info.Env());
    for (const JitterClock& clock : JitterClocks()) names[names.Length()] = clock.name;
    return names;
  }

  // NOLINTBEGIN(readability-make-member-function-const): InstanceMethod takes no const member
  Napi::Value Traits(const Napi::CallbackInfo& info) {
    const SourceTraits& traits = source_->traits();
    Napi::Object object = Napi::Object::New(info.Env());
    object["name"] = traits.name;
    object["seeds"] = traits.role == SourceRole::kSeed;
    object["bytes"] = traits.sample == SampleKind::kByte;
    object["physical"] = traits.physical;
    object["reserve"] = traits.reserve;
    object["tested"] = Napi::Number::New(info.Env(), traits.tested_bits_per_byte);
    object["credited"] = Napi::Number::New(info.Env(), traits.credited_bits_per_byte);
    object["startup"] = Napi::Number::New(info.Env(), static_cast<double>(traits.startup_bytes));
    return object;
  }
  Napi::Value Open(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(), source_->Open());
  }
  Napi::Value Error(const Napi::CallbackInfo& info) {
    return Napi::String::New(info.Env(), std::string(source_->error()));
  }
  // NOLINTEND(readability-make-member-function-const)

  // (size) -> the samples, or null if the read failed
  Napi::Value Read(const Napi::CallbackInfo& info) {
    std::vector<uint8_t> samples(info[0].ToNumber().Uint32Value());
    std::span<uint8_t> rest = samples;
    const ReadStatus status = source_->Read(rest);
    if (status != ReadStatus::kOk) return info.Env().Null();
    return Napi::Buffer<uint8_t>::Copy(info.Env(), samples.data(), samples.size());
  }

  // (size) -> {severity, test, at} of the first alarm of the source's health tests in one read
  Napi::Value Test(const Napi::CallbackInfo& info) {
    std::vector<uint8_t> samples(info[0].ToNumber().Uint32Value());
    std::span<uint8_t> rest = samples;
    if (source_->Read(rest) != ReadStatus::kOk) return info.Env().Null();
    HealthTests tests(source_->traits().sample, source_->traits().tested_bits_per_byte);
    const Verdict verdict = tests.Insert(samples);
    Napi::Object object = Napi::Object::New(info.Env());
    object["severity"] = Napi::Number::New(info.Env(), static_cast<int>(verdict.severity));
    object["test"] = verdict.test;
    object["at"] = Napi::Number::New(info.Env(), static_cast<double>(verdict.at));
    return object;
  }

  std::unique_ptr<NoiseSource> source_;
};

}  // namespace

void ExportJitter(Napi::Env env, Napi::Object exports) {
  exports["Jitter"] = JitterWrap::Class(env);
}

}  // namespace entropyd::test
