// All noise sources of the construction, and the seed material that is collected from them: the
// Get_entropy_input of the DRBG (SP 800-90A 9.1, 9.2). Used by one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "drbg/seed_provider.h"
#include "generator/generator_state.h"
#include "health/background_source.h"
#include "health/tested_source.h"
#include "memory/secure_memory.h"
#include "sources/noise_source.h"

namespace entropyd {

struct SourceSnapshot {
  SourceTraits traits;
  SourceReport report;
  unsigned credited_bits_per_byte;  // in force now
};

class SeedPool;

// Seed material that the DRBG may take once, until the offer ends. What it has not taken by then is
// wiped. A pool makes one offer at a time.
class SeedOffer {
 public:
  // No seed.
  SeedOffer() noexcept = default;
  explicit SeedOffer(SeedPool& pool) noexcept : pool_(&pool) {}
  ~SeedOffer();
  SeedOffer(SeedOffer&& other) noexcept : pool_(std::exchange(other.pool_, nullptr)) {}
  SeedOffer(const SeedOffer&) = delete;
  SeedOffer& operator=(const SeedOffer&) = delete;
  SeedOffer& operator=(SeedOffer&&) = delete;

  explicit operator bool() const noexcept { return pool_ != nullptr; }

 private:
  SeedPool* pool_ = nullptr;
};

class SeedPool final : public SeedSupplier {
 public:
  struct Hooks {
    // The sources' condition may have changed: the owner calls Evaluate() and acts on it. True if a
    // seed may be collected; asked before every attempt.
    std::function<bool()> reassess;
    // A blocking source has something new. Called in any thread.
    std::function<void()> on_source_change;
  };

  // Runs the startup tests of the CPU's and the kernel's sources; blocking sources start on their
  // threads.
  SeedPool(Profile profile, std::vector<std::unique_ptr<NoiseSource>> sources, Hooks hooks);

  // The state that the sources' condition calls for. Decides from now on whether getrandom(2) is
  // credited.
  Decision Evaluate();
  bool kernel_credited() const noexcept { return kernel_credited_; }

  // Collects seed material from every credited source, with at least `entropy_bits`; an empty offer
  // if that much cannot be had now. `fresh`: only noise read after the request (prediction
  // resistance). The kernel's generator is not live noise, and a device's samples are recent only
  // after Discard(): a CPU source, if there is one, is therefore the only source.
  SeedOffer Collect(unsigned entropy_bits, bool fresh) noexcept;
  // What enters a seed without credit: always the kernel's bytes, whatever their tests say; RDRAND
  // and the devices if they have something ready. Empty if the kernel's bytes cannot be had. The
  // caller wipes it before the next call.
  std::span<uint8_t> CollectUncredited() noexcept;
  // 32 bytes of RDRAND, else of getrandom(2): two copies of one state diverge at once. Empty if
  // neither answers. The caller wipes it before the next call.
  std::span<uint8_t> AdditionalInput() noexcept;

  // Drops what blocking sources have ready: their next samples are read after this call.
  void Discard() noexcept;
  // True if a credited blocking source could still deliver.
  bool AwaitsDevice() const noexcept;
  // Opens and tests every CPU and kernel source again, except those that failed permanently.
  void Restart() noexcept;
  // The startup tests on demand (SP 800-90B 4.3). True if every CPU and kernel source that is
  // present passes; blocking sources repeat theirs on their threads.
  bool TestOnDemand() noexcept;
  // In a forked child: the blocking sources' threads do not exist.
  void AbandonThreads() noexcept;
  // Raw samples of a CPU or kernel source; zeros and false if it does not answer or is not present.
  bool ReadNoise(const std::string& source, std::span<uint8_t> samples) noexcept;

  // Health-test alarms of all sources since the process started.
  uint64_t Alarms() const;
  std::vector<SourceSnapshot> Snapshot() const;
  bool memory_locked() const noexcept { return seed_.locked() && uncredited_.locked(); }

 private:
  friend class SeedOffer;

  // One source: read directly when needed, or in the background ahead of need.
  struct Input {
    std::unique_ptr<TestedSource> direct;
    std::unique_ptr<BackgroundSource> background;
    SourceTraits traits;
    SourceReport Report() const { return direct ? direct->report() : background->Report(); }
    bool Read(std::span<uint8_t> out) const noexcept {
      return direct ? direct->Read(out) : background->Take(out);
    }
  };

  std::span<uint8_t> SupplySeed(unsigned entropy_bits, bool fresh) noexcept override;
  void ClearSeed() noexcept override;

  static size_t DeviceCapacity(unsigned credited_bits_per_byte) noexcept;
  static size_t SeedSize(const Input& input) noexcept;
  unsigned Credit(const Input& input, SourceState state) const noexcept;
  TestedSource* Direct(SourceRole role) noexcept;
  size_t CollectSeed(unsigned entropy_bits, bool fresh) noexcept;
  void Withdraw() noexcept;

  const Profile profile_;
  const Hooks hooks_;
  bool kernel_credited_ = false;
  std::vector<Input> inputs_;
  SecureBuffer seed_;
  size_t offered_ = 0;  // bytes of seed_ that the DRBG may take
  SecureBuffer uncredited_;
};

}  // namespace entropyd
