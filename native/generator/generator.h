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
#include "generator/generator_state.h"
#include "generator/seed_pool.h"
#include "memory/secure_memory.h"
#include "sources/noise_source.h"

namespace entropyd {

enum class Result : uint8_t {
  kOk,
  kNotSeeded,  // no credited source has passed its startup test yet
  kHealth,     // the generator is in its error state
  kEntropy,    // prediction resistance: no live credited source
  kPending,    // prediction resistance: a blocking source is being read; retry on a source change
};

struct GeneratorOptions {
  Profile profile = Profile::kDefault;
  // SP 800-90A allows 2^48 requests; these limits shorten the time in which a stolen state is
  // useful.
  uint64_t reseed_requests = 4096;
  uint64_t reseed_seconds = 300;
};

struct GeneratorHooks {
  // The state or its reason changed; called in the thread that uses the generator.
  std::function<void(State, const std::string&)> on_transition;
  // A blocking source has something new: Poll() is due. Called in any thread.
  std::function<void()> on_source_change;
  // Nanoseconds; goes on while the host sleeps.
  uint64_t (*clock)() noexcept;
};

uint64_t BootTimeNs() noexcept;

struct GeneratorSnapshot {
  State state;
  std::string reason;
  std::vector<SourceSnapshot> sources;
  uint64_t reseeds;                // instantiations included
  uint64_t requests_since_reseed;  // DRBG generates
  uint64_t seconds_since_reseed;
  bool memory_locked;
};

class Generator {
 public:
  // Runs the known-answer test and the startup tests of the CPU's and the kernel's sources, then
  // instantiates; blocking sources start on their threads.
  Generator(const GeneratorOptions& options, std::vector<std::unique_ptr<NoiseSource>> sources,
            GeneratorHooks hooks, const KnownAnswer& answer = kPowerOnAnswer);
  ~Generator();
  Generator(const Generator&) = delete;
  Generator& operator=(const Generator&) = delete;

  // Fills `out`, of any size, or leaves zeros in it.
  Result Generate(std::span<uint8_t> out, bool prediction_resistance) noexcept;
  // Samples of blocking sources that are used from now on are read after this call.
  void BeginFresh() noexcept;
  // Reseeds now, with samples read after this call. It is the only way out of the error state: it
  // then repeats the known-answer test and the startup tests of all sources that have not failed
  // permanently.
  Result Reseed() noexcept;
  // Takes note of what blocking sources reported.
  void Poll() noexcept;
  // The health tests on demand (SP 800-90B 4.3); true if every source that is present passes.
  // Blocking sources repeat theirs on their threads: Poll() sees the result.
  bool SelfTest() noexcept;
  // Raw samples of a CPU or kernel source, for assessment (SP 800-90B 3.1); they are not used in a
  // seed. Zeros and false if the source does not answer, is a device or is not present.
  bool ReadNoise(const std::string& source, std::span<uint8_t> samples) noexcept;
  State state() const noexcept { return state_; }
  GeneratorSnapshot Snapshot() const;

 private:
  void Update() noexcept;
  void Enter(State state, std::string reason) noexcept;
  Result Refusal() const noexcept;
  bool Instantiate() noexcept;
  Result ReseedFrom(const SeedOffer& seed) noexcept;
  void NoteSeeded() noexcept;
  bool ReseedDue() noexcept;
  Result GenerateChunk(std::span<uint8_t> out, bool prediction_resistance) noexcept;

  const GeneratorOptions options_;
  const GeneratorHooks hooks_;
  const KnownAnswer answer_;
  SeedPool pool_;
  ForkSentinel fork_;
  const OpensslContext openssl_;
  Drbg drbg_;

  State state_ = State::kSeeding;
  std::string reason_;
  bool seedable_ = false;  // the sources' condition allows to serve
  bool instantiated_ = false;
  bool reseed_due_ = false;
  uint64_t reseeds_ = 0;
  uint64_t requests_ = 0;
  uint64_t seeded_at_ = 0;
  uint64_t alarms_at_seed_ = 0;
};

}  // namespace entropyd
