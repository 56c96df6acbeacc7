// All noise sources of the construction, and the seeds that are made from them: the
// Get_entropy_input of the DRBG (SP 800-90A 9.1, 9.2). Used by one thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "drbg/drbg.h"
#include "drbg/seed_provider.h"
#include "generator/generator_state.h"
#include "health/background_source.h"
#include "health/self_test.h"
#include "health/tested_source.h"
#include "memory/secure_memory.h"
#include "sources/noise_source.h"

namespace entropyd {

// What a seed's credited entropy came from, in the terms of SP 800-90C: an RBG2 with physical or
// with non-physical noise sources, or an RBGC, seeded by another generator, here the kernel's.
enum class Construction : uint8_t { kRbg2Physical, kRbg2NonPhysical, kRbgc };

const char* Name(Construction construction) noexcept;

struct SourceSnapshot {
  SourceTraits traits;
  SourceReport report;
  double credited_bits_per_byte;  // in force now
};

class SeedPool;

// A seed that the DRBG may take once, until the offer ends. It is wiped then. A pool makes one
// offer at a time.
class SeedOffer {
 public:
  // No seed.
  SeedOffer() noexcept = default;
  SeedOffer(SeedPool& pool, uint64_t since, Construction from) noexcept
      : pool_(&pool), since_(since), construction_(from) {}
  ~SeedOffer();
  SeedOffer(SeedOffer&& other) noexcept
      : pool_(std::exchange(other.pool_, nullptr)),
        since_(other.since_),
        construction_(other.construction_) {}
  SeedOffer(const SeedOffer&) = delete;
  SeedOffer& operator=(const SeedOffer&) = delete;
  SeedOffer& operator=(SeedOffer&&) = delete;

  explicit operator bool() const noexcept { return pool_ != nullptr; }
  // The number of requests that had arrived before its credited noise was read.
  uint64_t since() const noexcept { return since_; }
  Construction construction() const noexcept { return construction_; }

 private:
  SeedPool* pool_ = nullptr;
  uint64_t since_ = 0;
  Construction construction_ = Construction::kRbg2Physical;
};

class SeedPool final : public SeedSupplier {
 public:
  // Opens and tests the sources that never wait; the others begin on their threads.
  // `on_source_change`: a source has samples ready or another state. Called in any thread.
  SeedPool(const OpensslContext& openssl, Profile profile, std::vector<SourceFactory> factories,
           Clock clock, const std::function<void()>& on_source_change);

  // The state that the sources' condition calls for. Decides from now on whether getrandom(2) is
  // credited.
  Decision Evaluate(const SeedFacts& seed);
  bool kernel_credited() const noexcept { return kernel_credited_; }
  // Whether waiting for the first seed makes sense: a credited source is in its startup test, or
  // gathers, and no seed is ready.
  bool Gathering() const;
  // Whether a source passes now that makes a better seed than one of this construction: a physical
  // source, or any credited one instead of the kernel's generator.
  bool Improves(Construction construction) const;

  // Numbers a request that wants noise which is read after it.
  uint64_t Arrive() noexcept { return ++*arrivals_; }
  // Makes a seed from the samples that are ready: of every credited source whose samples were read
  // after request number `since`, and of all uncredited ones. The offer is empty if the credited
  // samples do not suffice. With `live` the kernel's generator gets no credit: it is no live noise.
  SeedOffer Collect(uint64_t since, bool live) noexcept;
  // Has the sources read fresh samples for request number `since`. False if no credited noise
  // source can be expected to deliver.
  bool Request(uint64_t since) noexcept;
  // kSeedSize bytes, so that two copies of one state diverge at once: 32 of RDRAND and 16 of
  // getrandom(2), or all of getrandom(2). They stand one after the other, so that neither can undo
  // the other. Empty if the kernel does not answer. The caller wipes it before the next call.
  std::span<uint8_t> AdditionalInput() noexcept;

  std::shared_ptr<const SelfTester> self_tester() const noexcept { return self_tester_; }
  // Takes out the sources whose self-test raised alarms. Those of the others that are out are
  // opened and tested again.
  void Apply(std::span<const SelfTestResult> results) noexcept;
  // Opens the sources that never wait again if they are gone, and reads those that had nothing.
  void ReviveDirect() noexcept;
  // In a forked child, which has no threads.
  void AbandonThreads() noexcept;

  // Health-test alarms of all sources since the process started.
  uint64_t Alarms() const;
  std::vector<SourceSnapshot> Snapshot() const;
  bool memory_locked() const noexcept;

 private:
  friend class SeedOffer;

  // One source: on a thread of its own, ahead of need, or read directly if it never waits.
  struct Input {
    std::unique_ptr<TestedSource> direct;
    std::unique_ptr<BackgroundSource> background;
    SourceTraits traits;
    SourceReport Report() const {
      return direct ? direct->WithWaiting(direct->report()) : background->Report();
    }
  };

  std::span<uint8_t> SupplySeed() noexcept override;
  void ClearSeed() noexcept override;

  double Credit(const Input& input, SourceState state) const noexcept;
  bool ReserveSpared() const noexcept;
  bool CollectDirect(size_t& at, double& bits) noexcept;
  void Withdraw() noexcept;

  const Profile profile_;
  const std::shared_ptr<const SelfTester> self_tester_;
  const Clock clock_;
  std::shared_ptr<std::atomic<uint64_t>> arrivals_ = std::make_shared<std::atomic<uint64_t>>(0);
  bool kernel_credited_ = false;
  std::vector<Input> inputs_;
  TestedSource* rdrand_ = nullptr;
  TestedSource* kernel_ = nullptr;
  Conditioner conditioner_;
  SecureBuffer material_;  // samples of all sources, to be conditioned
  SecureBuffer seed_;
  bool offered_ = false;
  SecureBuffer additional_input_;
};

}  // namespace entropyd
