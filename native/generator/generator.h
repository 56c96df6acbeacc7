// The random bit generator: sources, health tests and CTR_DRBG as one construction (SP 800-90C),
// with its reseed policy and its state. Used by one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "drbg/drbg.h"
#include "drbg/seed_provider.h"
#include "generator/generator_state.h"
#include "health/background_source.h"
#include "health/tested_source.h"
#include "memory/secure_memory.h"
#include "sources/noise_source.h"

namespace entropyd {

enum class Result : uint8_t {
  kOk,
  kNotSeeded,  // no credited source has passed its startup test yet
  kHealth,     // the generator is in its error state
  kEntropy,    // prediction resistance: no live credited source
  kPending,    // prediction resistance: a blocking source is being read; ask again on a change
};

struct GeneratorOptions {
  Profile profile = Profile::kDefault;
  // SP 800-90A allows 2^48 requests; these keep the time short in which a stolen state is of use.
  uint64_t reseed_requests = 4096;
  uint64_t reseed_seconds = 300;
};

struct GeneratorHooks {
  // A state or its reason became another; called in the thread that uses the generator.
  std::function<void(State, const std::string&)> on_transition;
  // A blocking source has something new: Poll() is due. Called in any thread.
  std::function<void()> on_source_change;
  // Nanoseconds; goes on while the host sleeps.
  uint64_t (*clock)() noexcept;
};

uint64_t BootTimeNs() noexcept;

struct SourceSnapshot {
  SourceTraits traits;
  SourceReport report;
  unsigned credited_bits_per_byte;  // in force now
};

struct GeneratorSnapshot {
  State state;
  std::string reason;
  std::vector<SourceSnapshot> sources;
  uint64_t reseeds;                // instantiations included
  uint64_t requests_since_reseed;  // DRBG generates
  uint64_t seconds_since_reseed;
  bool memory_locked;
};

class Generator final : private SeedSupplier {
 public:
  // Runs the known-answer test and the startup tests of the CPU's and the kernel's sources, then
  // instantiates; blocking sources start on their threads.
  Generator(const GeneratorOptions& options, std::vector<std::unique_ptr<NoiseSource>> sources,
            GeneratorHooks hooks, const KnownAnswer& answer = kPowerOnAnswer);
  ~Generator() override;

  // Fills `out`, of any size, or leaves zeros in it.
  Result Generate(std::span<uint8_t> out, bool prediction_resistance) noexcept;
  // What is taken from blocking sources from now on is read after this call.
  void BeginFresh() noexcept;
  // Reseeds now, with samples read after this call; from the error state the only way back: it
  // repeats the known-answer test and the startup tests of all sources that have not failed
  // permanently.
  Result Reseed() noexcept;
  // Takes note of what blocking sources reported.
  void Poll() noexcept;
  // The health tests on demand (SP 800-90B 4.3); true if every source that is there passes.
  // Blocking sources repeat theirs on their threads: Poll() sees the result.
  bool SelfTest() noexcept;
  // Raw samples of a source that is read where it is wanted, for assessment (SP 800-90B 3.1); they
  // reach no seed. Zeros and false where the source does not answer, is a device or not there.
  bool ReadNoise(const std::string& source, std::span<uint8_t> samples) noexcept;
  State state() const noexcept { return state_; }
  GeneratorSnapshot Snapshot() const;

 private:
  // One source, either read where it is wanted or gathered ahead.
  struct Input {
    std::unique_ptr<TestedSource> direct;
    std::unique_ptr<BackgroundSource> background;
    SourceTraits traits;
    SourceReport Report() const { return direct ? direct->report() : background->Report(); }
  };

  std::span<uint8_t> SupplySeed(unsigned entropy_bits, bool fresh) noexcept override;
  void ClearSeed() noexcept override;

  void Update() noexcept;
  void Enter(State state, std::string reason) noexcept;
  Result Refusal() const noexcept;
  unsigned Credit(const Input& input, SourceState state) const noexcept;
  static size_t SeedSize(const Input& input) noexcept;
  size_t CollectSeed(unsigned entropy_bits, bool fresh) noexcept;
  std::span<const uint8_t> CollectUncredited() noexcept;
  std::span<const uint8_t> AdditionalInput() noexcept;
  TestedSource* Direct(SourceRole role) noexcept;
  bool Instantiate() noexcept;
  Result ReseedFrom(size_t seed_size) noexcept;
  void NoteSeeded() noexcept;
  bool ReseedDue() noexcept;
  Result GenerateChunk(std::span<uint8_t> out, bool prediction_resistance) noexcept;
  uint64_t Alarms() const;

  const GeneratorOptions options_;
  const GeneratorHooks hooks_;
  const KnownAnswer answer_;
  std::vector<Input> inputs_;
  SecureBuffer seed_;
  size_t seed_ready_ = 0;  // bytes of seed_ that wait for the DRBG to ask
  SecureBuffer uncredited_;
  ForkSentinel fork_;
  const OpensslContext openssl_;
  Drbg drbg_;

  State state_ = State::kSeeding;
  std::string reason_;
  bool kernel_credited_ = false;
  bool seedable_ = false;  // the sources' condition allows to serve
  bool instantiated_ = false;
  bool reseed_due_ = false;
  uint64_t reseeds_ = 0;
  uint64_t requests_ = 0;
  uint64_t seeded_at_ = 0;
  uint64_t alarms_at_seed_ = 0;
};

}  // namespace entropyd
