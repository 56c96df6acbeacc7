// libFuzzer on the way of a seed: the provider that hands it to OpenSSL, the pool that makes it,
// and the generator that serves from it, over sources that come and go under a clock that jumps.
// Sources have threads, so what happens is not the same at each run; what must hold is.
#include <fuzzer/FuzzedDataProvider.h>
#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "drbg/drbg.h"
#include "drbg/seed_provider.h"
#include "generator/generator.h"
#include "generator/seed_pool.h"

namespace {

using entropyd::Construction;
using entropyd::kSeedSize;
using entropyd::Profile;
using entropyd::ReadStatus;
using entropyd::Result;
using entropyd::SampleKind;
using entropyd::SeedOffer;
using entropyd::SelfTestResult;
using entropyd::SourceRole;
using entropyd::SourceState;
using entropyd::SourceTraits;
using entropyd::State;
using Bytes = std::vector<uint8_t>;

// What a seed must be credited with, bits (SP 800-90C: the seed's own 384, and 64).
constexpr double kCreditedBits = 448;
constexpr size_t kWord = sizeof(uint64_t);
// Equal by chance in 2^-128 of the cases.
constexpr size_t kTellingSize = 16;
constexpr unsigned kSteps = 60;
// For the sources' threads; a longer wait only means that less happens in a step.
constexpr std::chrono::microseconds kTurn{300};

void Require(bool condition, const char* what) {
  if (condition) return;
  std::cerr << "violated: " << what << '\n';
  std::abort();
}

bool AllZero(std::span<const uint8_t> bytes) {
  return std::ranges::all_of(bytes, [](uint8_t byte) { return byte == 0; });
}

// Vigna's splitmix64, which passes the health tests.
uint64_t Splitmix(uint64_t& state) {
  uint64_t z = state += 0x9e3779b97f4a7c15U;
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31U);
}

std::atomic<uint64_t> now_ns = 0;  // NOLINT: one process, one clock
uint64_t FuzzClock() noexcept { return now_ns; }

// --- provider ----------------------------------------------------------------------------------

// Supplies seeds of any size, and knows what became of them.
class AnySupplier final : public entropyd::SeedSupplier {
 public:
  explicit AnySupplier(uint64_t state) : state_(state) {}
  size_t next_size = kSeedSize;
  unsigned supplied = 0;
  bool held = false;  // supplied, and not cleared
  std::span<uint8_t> SupplySeed() noexcept override {
    Require(!held, "a seed is cleared before the next is asked for");
    seed_.resize(next_size);
    for (uint8_t& byte : seed_) byte = static_cast<uint8_t>(Splitmix(state_));
    held = true;
    ++supplied;
    return seed_;
  }
  void ClearSeed() noexcept override {
    held = false;
    std::ranges::fill(seed_, 0);
  }

 private:
  Bytes seed_;
  uint64_t state_;
};

const entropyd::OpensslContext& Openssl() {
  static const entropyd::OpensslContext context;
  return context;
}

// Two of them in step; one would do, but for that equal seeds and inputs must give equal bytes.
void ProviderHolds(FuzzedDataProvider& input) {
  const auto state = input.ConsumeIntegral<uint64_t>();
  std::array suppliers{AnySupplier(state), AnySupplier(state)};
  std::array drbgs{entropyd::Drbg(Openssl(), suppliers[0]),
                   entropyd::Drbg(Openssl(), suppliers[1])};
  bool instantiated = false;
  for (unsigned step = 0; step < kSteps && input.remaining_bytes() > 0; ++step) {
    const size_t size = input.ConsumeBool() ? kSeedSize : input.ConsumeIntegralInRange(0, 200);
    const Bytes text = input.ConsumeBytes<uint8_t>(input.ConsumeIntegralInRange<size_t>(0, 60));
    const int operation = input.ConsumeIntegralInRange(0, 4);
    const bool resists = input.ConsumeBool();
    // For 0 bytes OpenSSL does nothing at all, and calls that success.
    const size_t wanted = input.ConsumeBool()
                              ? input.ConsumeIntegralInRange<size_t>(1, 100)
                              : input.ConsumeIntegralInRange<size_t>(65'000, 66'000);
    const bool fits = text.size() <= kSeedSize;
    const bool seeds = size == kSeedSize;
    std::array<Bytes, 2> outs{Bytes(wanted, 0xff), Bytes(wanted, 0xff)};
    std::array<bool, 2> oks{};
    bool expected = false;
    for (size_t i = 0; i < drbgs.size(); ++i) {
      AnySupplier& supplier = suppliers[i];
      entropyd::Drbg& drbg = drbgs[i];
      supplier.next_size = size;
      const unsigned before = supplier.supplied;
      switch (operation) {
        case 0:
          oks[i] = drbg.Instantiate(text);
          expected = seeds && fits;
          break;
        case 1:
          oks[i] = drbg.Reseed(text);
          expected = instantiated && seeds && fits;
          break;
        case 2:
          drbg.Uninstantiate();
          oks[i] = expected = false;
          break;
        default:
          oks[i] = drbg.Generate(outs[i], text, resists);
          expected =
              instantiated && fits && wanted <= entropyd::kMaxGenerate && (!resists || seeds);
          Require(oks[i] || AllZero(outs[i]), "output is full or zero");
          Require(!oks[i] || wanted < kTellingSize || !AllZero(outs[i]), "output is written");
      }
      Require(oks[i] == expected, "a call succeeds as its seed and its inputs allow");
      Require(!supplier.held, "no seed stays with its supplier");
      const bool takes = operation < 2 || (operation > 2 && resists);
      Require(!oks[i] || supplier.supplied - before == (takes ? 1 : 0), "one seed for each need");
    }
    Require(oks[0] == oks[1] && outs[0] == outs[1], "equal seeds and inputs give equal bytes");
    // Every failure latches.
    instantiated = operation == 0 ? oks[0] : instantiated && oks[0];
  }
  ERR_clear_error();
}

// --- sources -----------------------------------------------------------------------------------

enum class Mode : uint8_t { kGood, kFaulty, kTryAgain, kTrickle, kGone, kAbsent };

// Sets what a source does, and counts what it has delivered. Used by any thread.
struct Control {
  std::atomic<Mode> mode = Mode::kGood;
  // Bytes beyond those that the startup test has to discard each time that it is opened.
  std::atomic<uint64_t> usable = 0;
};

class ControlledSource final : public entropyd::NoiseSource {
 public:
  ControlledSource(const SourceTraits& traits, std::shared_ptr<Control> control, uint64_t state)
      : NoiseSource(traits), control_(std::move(control)), state_(state) {}
  bool Open() noexcept override {
    read_ = 0;
    return control_->mode != Mode::kAbsent;
  }
  ReadStatus Read(std::span<uint8_t>& rest) noexcept override {
    switch (control_->mode.load()) {
      case Mode::kGone:
      case Mode::kAbsent:
        error_ = "gone";
        return ReadStatus::kFailed;
      case Mode::kTryAgain:
        ++retries_;
        return ReadStatus::kTryAgain;
      case Mode::kTrickle:
        Fill(rest.first(kWord), false);
        rest = rest.subspan(kWord);
        return rest.empty() ? ReadStatus::kOk : ReadStatus::kTryAgain;
      case Mode::kFaulty:
        Fill(rest, true);
        break;
      case Mode::kGood:
        Fill(rest, false);
        break;
    }
    rest = {};
    return ReadStatus::kOk;
  }

 private:
  void Fill(std::span<uint8_t> samples, bool faulty) noexcept {
    for (size_t at = 0; at < samples.size(); at += kWord) {
      const uint64_t word = faulty ? 0 : Splitmix(state_);
      std::memcpy(samples.data() + at, &word, kWord);
    }
    const uint64_t before = std::max<uint64_t>(read_, traits().startup_bytes);
    read_ += samples.size();
    // Counted before the samples can be used, and so never too late.
    if (read_ > before) control_->usable += read_ - before;
  }

  std::shared_ptr<Control> control_;
  uint64_t state_;
  uint64_t read_ = 0;  // since it was opened
};

// A host that the fuzzer made up.
struct Host {
  std::vector<SourceTraits> traits;
  std::vector<std::shared_ptr<Control>> controls;

  explicit Host(FuzzedDataProvider& input) {
    const auto add = [this](const SourceTraits& each) {
      traits.push_back(each);
      controls.push_back(std::make_shared<Control>());
    };
    if (input.ConsumeIntegralInRange(0, 15) != 0)
      add({.name = "kernel", .role = SourceRole::kKernel, .tested_bits_per_byte = 8});
    if (input.ConsumeBool())
      add({.name = "rdrand", .sample = SampleKind::kWord64, .role = SourceRole::kAdditionalInput});
    for (int left = input.ConsumeIntegralInRange(0, 3); left > 0; --left) {
      const double credit = input.PickValueInArray({0.0, 0.5, 4.0, 7.0});
      add({.name = "seed " + std::to_string(left),
           .sample = input.ConsumeBool() ? SampleKind::kWord64 : SampleKind::kByte,
           .physical = input.ConsumeBool(),
           .reserve = input.ConsumeBool(),
           .tested_bits_per_byte = std::max(credit, 4.0),
           .credited_bits_per_byte = credit});
    }
    for (const auto& control : controls)
      if (input.ConsumeIntegralInRange(0, 3) == 0) control->mode = AnyMode(input);
  }

  static Mode AnyMode(FuzzedDataProvider& input) {
    return input.PickValueInArray(
        {Mode::kGood, Mode::kFaulty, Mode::kTryAgain, Mode::kTrickle, Mode::kGone, Mode::kAbsent});
  }

  std::vector<entropyd::SourceFactory> Factories() const {
    std::vector<entropyd::SourceFactory> factories;
    // Streams differ from instance to instance: none is a copy of another.
    const auto made = std::make_shared<std::atomic<uint64_t>>(1);
    for (size_t i = 0; i < traits.size(); ++i)
      factories.emplace_back([each = traits[i], control = controls[i], made] {
        return std::make_unique<ControlledSource>(each, control, ++*made << 40U);
      });
    return factories;
  }

  // An upper bound of the min-entropy, by the sources' credit, of all that may have gone into
  // seeds.
  double CreditedBits() const {
    double bits = 0;
    for (size_t i = 0; i < traits.size(); ++i)
      bits += traits[i].credited_bits_per_byte * static_cast<double>(controls[i]->usable.load());
    return bits;
  }

  void Change(FuzzedDataProvider& input) const {
    if (controls.empty()) return;
    const auto at = input.ConsumeIntegralInRange<size_t>(0, controls.size() - 1);
    controls[at]->mode = AnyMode(input);
  }

  const Control* Kernel() const {
    return !traits.empty() && traits[0].role == SourceRole::kKernel ? controls[0].get() : nullptr;
  }
  // Whether getrandom(2) cannot answer now.
  bool KernelSilent() const {
    const Control* const kernel = Kernel();
    if (kernel == nullptr) return true;
    const Mode mode = kernel->mode;
    return mode == Mode::kGone || mode == Mode::kAbsent || mode == Mode::kTryAgain;
  }

  std::vector<SelfTestResult> AnyResults(FuzzedDataProvider& input) const {
    // As many as there are, or too few or too many.
    std::vector<SelfTestResult> results(input.ConsumeIntegralInRange<size_t>(0, traits.size() + 1));
    for (SelfTestResult& result : results)
      result = {input.PickValueInArray({SourceState::kPassing, SourceState::kFailed,
                                        SourceState::kWaiting, SourceState::kAbsent}),
                "self-test"};
    return results;
  }
};

void Jump(FuzzedDataProvider& input) {
  now_ns += input.PickValueInArray<uint64_t>({1, 900, 6'000, 61'000, 601'000, 90'000'000}) *
            (entropyd::kNsPerSecond / 1000);
}

// --- pool --------------------------------------------------------------------------------------

void PoolHolds(FuzzedDataProvider& input) {
  const Host host(input);
  const Profile profile = input.ConsumeBool() ? Profile::kStrict : Profile::kDefault;
  entropyd::SeedPool pool(Openssl(), profile, host.Factories(), FuzzClock, [] {});
  entropyd::SeedSupplier& supplier = pool;
  host.Change(input);
  double spent = 0;
  uint64_t arrived = 0;
  std::map<uint64_t, double> bits_at{{0, 0}};  // when a request arrived
  Bytes last_seed;
  for (unsigned step = 0; step < kSteps && input.remaining_bytes() > 0; ++step) {
    switch (input.ConsumeIntegralInRange(0, 11)) {
      case 0:
        host.Change(input);
        break;
      case 1:
        Jump(input);
        break;
      case 2:
        pool.ReviveDirect();
        break;
      case 3:
        pool.Apply(host.AnyResults(input));
        break;
      case 4: {
        const double before = host.CreditedBits();
        arrived = pool.Arrive();
        bits_at[arrived] = before;
        break;
      }
      case 5:
        pool.Request(input.ConsumeIntegralInRange<uint64_t>(0, arrived));
        break;
      case 6: {
        const std::span<uint8_t> more = pool.AdditionalInput();
        Require(more.empty() || more.size() == kSeedSize, "additional input is whole or none");
        Require(more.empty() || !host.KernelSilent(), "additional input has the kernel's bytes");
        break;
      }
      case 7:
        pool.Evaluate({.present = input.ConsumeBool(),
                       .since = now_ns,
                       .overdue = input.ConsumeBool(),
                       .first = input.ConsumeBool(),
                       .of_kernel = input.ConsumeBool()});
        Require(profile == Profile::kDefault || !pool.kernel_credited(),
                "profile strict never credits getrandom(2)");
        break;
      case 8:
        pool.Snapshot();
        pool.Alarms();
        pool.Gathering();
        break;
      default: {
        const auto since = input.ConsumeIntegralInRange<uint64_t>(0, arrived);
        const bool live = input.ConsumeBool();
        std::optional<SeedOffer> offer(pool.Collect(since, live));
        const bool made = static_cast<bool>(*offer);
        Require(!made || !host.KernelSilent(), "no seed without the kernel's bytes");
        if (made && offer->construction() != Construction::kRbgc) {
          const double bits = host.CreditedBits();
          spent += kCreditedBits;
          Require(bits >= spent, "no seed below its credited bits, and no sample in two");
          Require(offer->since() >= since, "samples are as fresh as asked for");
          const auto arrival = bits_at.find(offer->since());
          Require(arrival != bits_at.end() && bits - arrival->second >= kCreditedBits,
                  "its credited samples were read after the request");
        } else if (made) {
          Require(!live, "the kernel's generator is no live noise");
          Require(pool.kernel_credited() && profile == Profile::kDefault,
                  "only a credited getrandom(2) makes a seed by itself");
        }
        if (input.ConsumeBool()) {
          const std::span<uint8_t> seed = supplier.SupplySeed();
          Require(seed.size() == (made ? kSeedSize : 0), "an offer is a seed, and none is none");
          const Bytes copy(seed.begin(), seed.end());
          Require(!made || copy != last_seed, "no seed is given twice");
          if (made) last_seed = copy;
          Require(supplier.SupplySeed().empty(), "an offer is taken once");
        }
        offer.reset();
        Require(supplier.SupplySeed().empty(), "an offer ends");
      }
    }
    if (input.ConsumeBool()) std::this_thread::sleep_for(kTurn);
  }
}

// --- generator ---------------------------------------------------------------------------------

bool Serves(State state) { return state == State::kOperational || state == State::kDegraded; }

void GeneratorHolds(FuzzedDataProvider& input) {
  const Host host(input);
  const Profile profile = input.ConsumeBool() ? Profile::kStrict : Profile::kDefault;
  State reported = State::kSeeding;
  entropyd::Generator generator(
      {.profile = profile,
       .reseed_requests = input.PickValueInArray<uint64_t>({1, 3, 4096}),
       .reseed_seconds = input.PickValueInArray<uint64_t>({1, 300}),
       .first_seed_ms = input.ConsumeIntegralInRange<uint64_t>(0, 3)},
      host.Factories(),
      {.on_transition = [&reported](State state, const std::string&) { reported = state; },
       .on_source_change = [] {},
       .clock = FuzzClock});
  std::map<uint64_t, double> bits_at;
  uint64_t arrived = 0;
  Bytes previous;
  for (unsigned step = 0; step < kSteps && input.remaining_bytes() > 0; ++step) {
    const State before = generator.state();
    const uint64_t reseeds_before = generator.Snapshot().reseeds;
    const int operation = input.ConsumeIntegralInRange(0, 11);
    std::optional<Result> result;
    Bytes out(input.ConsumeIntegralInRange<size_t>(0, 200), 0xff);
    switch (operation) {
      case 0:
        host.Change(input);
        break;
      case 1:
        Jump(input);
        break;
      case 2:
        generator.FinishSelfTest(host.AnyResults(input));
        break;
      case 3: {
        const double bits = host.CreditedBits();
        arrived = generator.Arrive();
        bits_at[arrived] = bits;
        break;
      }
      case 4:
      case 5: {
        if (arrived == 0) break;
        const auto request = input.ConsumeIntegralInRange<uint64_t>(1, arrived);
        result = generator.GenerateResistant(out, request);
        if (*result != Result::kOk) break;
        // The next that was noted: Reseed() takes numbers of its own.
        const auto arrival = bits_at.upper_bound(request - 1);
        Require(arrival == bits_at.begin() || arrival != bits_at.end(), "the request is known");
        const double had = arrival->first == request ? arrival->second : 0;
        Require(host.CreditedBits() - had >= kCreditedBits,
                "prediction resistance takes credited noise that was read after the request");
        break;
      }
      case 6: {
        const Result reseeded = generator.Reseed();
        Require(reseeded != Result::kOk || Serves(generator.state()), "what is reseeded serves");
        break;
      }
      case 7:
      case 8:
        generator.Poll();
        break;
      default:
        result = generator.Generate(out);
    }
    const entropyd::GeneratorSnapshot after = generator.Snapshot();
    if (result) {
      const bool ok = *result == Result::kOk;
      Require(ok || AllZero(out), "output is full or zero");
      Require(!ok || out.size() < kTellingSize || (!AllZero(out) && out != previous),
              "output is written, and new");
      Require(!ok || out.empty() || Serves(before), "no bytes unless it is seeded and well");
      if (ok && out.size() >= kTellingSize) previous = out;
    }
    // Each seed of live noise has taken its share; of the kernel's there is none in profile strict.
    if (profile == Profile::kStrict) {
      Require(host.CreditedBits() >= kCreditedBits * static_cast<double>(after.reseeds),
              "no seed below its credited bits");
      Require(after.construction != Construction::kRbgc, "profile strict is never an RBGC");
    }
    Require(after.reseeds >= reseeds_before, "seeds are counted");
    Require(Serves(after.state) == after.construction.has_value(), "it serves if it has a seed");
    Require(reported == after.state || !Serves(reported) || Serves(after.state),
            "who is told that it serves is told that it does not");
    if (before == State::kError && operation != 2)
      Require(
          after.state == State::kError && (!result || out.empty() || *result == Result::kHealth),
          "the error state is left by a self-test alone");
    if (input.ConsumeBool()) std::this_thread::sleep_for(kTurn);
  }
}

}  // namespace

// libFuzzer's name.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzedDataProvider input(data, size);
  constexpr std::array kTargets = {ProviderHolds, PoolHolds, GeneratorHolds};
  input.PickValueInArray(kTargets)(input);
  return 0;
}
