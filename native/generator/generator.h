// The random bit generator: sources, health tests and CTR_DRBG as one construction (SP 800-90C),
// with its reseed policy and its state. Used by one thread.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "drbg/drbg.h"
#include "generator/generator_state.h"
#include "generator/seed_pool.h"
#include "memory/clock.h"
#include "memory/secure_memory.h"
#include "sources/noise_source.h"

namespace entropyd {

// Most bytes in one call of Generator::Mix: as many as one EGD command carries.
inline constexpr size_t kMaxMix = 255;

enum class Result : uint8_t {
  kOk,
  kNotSeeded,  // there is no seed yet, or not any more
  kHealth,     // the generator is in its error state
  kEntropy,    // prediction resistance: no credited noise source can be expected to deliver
  kPending,    // prediction resistance: fresh noise is being read; retry on a source change
};

struct GeneratorOptions {
  Profile profile = Profile::kDefault;
  // SP 800-90A allows 2^48 requests; these limits shorten the time in which a stolen state is
  // useful.
  uint64_t reseed_requests = 4096;
  uint64_t reseed_seconds = 300;
  // How long the constructor may wait for the first seed.
  uint64_t first_seed_ms = 5;
};

struct GeneratorHooks {
  // The state or its reason changed; called in the thread that uses the generator.
  std::function<void(State, const std::string&)> on_transition;
  // A source has something new: Poll() is due. Called in any thread.
  std::function<void()> on_source_change;
  // Goes on while the host sleeps, as a seed grows older then.
  Clock clock = BootTimeNs;
};

struct GeneratorSnapshot {
  State state;
  std::string reason;  // as of now
  // What the last seed's entropy came from; empty if there is no seed.
  std::optional<Construction> construction;
  std::vector<SourceSnapshot> sources;
  uint64_t reseeds;                // instantiations included
  uint64_t requests_since_reseed;  // DRBG generates
  uint64_t seconds_since_reseed;
  bool memory_locked;
};

class Generator {
 public:
  // Runs the known-answer test and starts the sources; waits for a first seed, but not long.
  Generator(const GeneratorOptions& options, std::vector<SourceFactory> sources,
            GeneratorHooks hooks, const KnownAnswers& answers = kKnownAnswers);
  ~Generator();
  Generator(const Generator&) = delete;
  Generator& operator=(const Generator&) = delete;

  // Fills `out`, of any size, or leaves zeros in it.
  Result Generate(std::span<uint8_t> out) noexcept;
  // Adds a client's bytes, at most kMaxMix, to the additional input of the next generate, without
  // credit. They are hashed, and XORed with bytes that are read later, so no choice of them can
  // undo those. More than kMaxMix are ignored.
  void Mix(std::span<const uint8_t> bytes) noexcept;
  // Numbers a request for prediction resistance, when it arrives.
  uint64_t Arrive() noexcept { return pool_.Arrive(); }
  // Generate with prediction resistance (SP 800-90A 9.3.1): the DRBG has been reseeded with noise
  // that was read after `request` arrived. One reseed may serve all requests that arrived before
  // its noise was read. `out` is at most kMaxGenerate.
  Result GenerateResistant(std::span<uint8_t> out, uint64_t request) noexcept;
  // Reseeds with samples read after this call; kPending if these are being read. Does not leave the
  // error state.
  Result Reseed() noexcept;
  // Takes note of what sources reported, and of the time. Due after a source change, and every few
  // seconds.
  void Poll() noexcept;
  // The second half of a self-test (SP 800-90B 4.3, SP 800-90A 11.3), whose `results` are from
  // self_tester(). Sources with alarms go out; others that were out are opened and tested again;
  // the DRBG's own test is repeated. The only way out of the error state. True if nothing failed.
  bool FinishSelfTest(std::span<const SelfTestResult> results) noexcept;
  std::shared_ptr<const SelfTester> self_tester() const noexcept { return pool_.self_tester(); }
  State state() const noexcept { return state_; }
  // The reason of the state, as of now; empty if there is nothing to say.
  std::string reason() const { return reason_.Text(hooks_.clock()); }
  bool memory_locked() const noexcept { return pool_.memory_locked(); }
  GeneratorSnapshot Snapshot() const;

 private:
  // Wakes the constructor. Shared with sources' threads, which may outlive the generator.
  struct Signal;

  SeedFacts Seed() const noexcept;
  SeedOffer Gather(uint64_t since, bool live) noexcept;
  void AwaitFirstSeed() noexcept;
  void Enter(Decision decision) noexcept;
  bool MayReport() noexcept;
  void Fail(const std::string& what) noexcept;
  Result Refusal() const noexcept;
  bool Instantiate() noexcept;
  bool ReseedFrom(const SeedOffer& seed) noexcept;
  void NoteSeeded(const SeedOffer& seed) noexcept;
  void Renew() noexcept;
  void NoteFork() noexcept;
  Result GenerateChunk(std::span<uint8_t> out) noexcept;

  const GeneratorOptions options_;
  const GeneratorHooks hooks_;
  const KnownAnswers answers_;
  std::shared_ptr<Signal> signal_;
  const OpensslContext openssl_;
  SeedPool pool_;
  ForkSentinel fork_;
  Drbg drbg_;
  Conditioner mixer_;
  // A hash of what clients mixed in since the last generate; zeros: nothing.
  std::array<uint8_t, kSeedSize> mixed_{};

  Reason reason_;
  uint64_t reseeds_ = 0;
  uint64_t requests_ = 0;
  uint64_t seeded_at_;           // when the last seed was made, or the generator lost its last one
  uint64_t alarms_before_ = 0;   // before samples were last taken
  uint64_t alarms_at_seed_ = 0;  // the same, of the last seed
  std::optional<uint64_t> due_since_;  // since when a reseed has been due, whatever the cause
  uint64_t wanted_since_ = 0;          // the request whose reseed is wanted, or was
  uint64_t resistant_to_ = 0;          // the last request that the last live seed serves
  uint64_t tested_at_;                 // the DRBG, by its known-answer test
  uint64_t reports_since_;
  // Changes of the reason alone that may still be reported as transitions now.
  unsigned reports_left_ = kMaxReports;
  State state_ = State::kSeeding;
  Construction construction_ = Construction::kRbg2Physical;  // of the last seed
  bool instantiated_ = false;
  // A reseed is wanted before the limits are reached, with samples read after wanted_since_.
  bool reseed_wanted_ = false;
  bool awaiting_ = false;  // it is due, and no samples are ready; Poll() looks again
  bool reported_ = true;   // reason_ is the last one that was

  static constexpr unsigned kMaxReports = 4;
};

}  // namespace entropyd
