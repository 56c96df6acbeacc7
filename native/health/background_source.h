// A noise source on a thread of its own, which reads and tests ahead of need: its owner never waits
// for noise.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "health/tested_source.h"
#include "sources/noise_source.h"

namespace entropyd {

// Counts the requests for prediction resistance. A read notes the count when it begins: its samples
// are fresh for every request that had arrived by then. Shared with threads that may outlive the
// owner.
using Arrivals = std::shared_ptr<const std::atomic<uint64_t>>;

class BackgroundSource {
 public:
  // `capacity`: samples that are held ready, bytes, a multiple of 64. `on_change` is called in the
  // source's thread when samples are ready or its state has changed. Without a thread, which the
  // system may refuse, the source is kLost.
  BackgroundSource(std::unique_ptr<NoiseSource> source, size_t capacity, Clock clock,
                   Arrivals arrivals, std::function<void()> on_change);
  // Ends the thread. One that the kernel holds in a read is left behind: it ends after the read.
  ~BackgroundSource();
  BackgroundSource(const BackgroundSource&) = delete;
  BackgroundSource& operator=(const BackgroundSource&) = delete;

  size_t capacity() const noexcept { return capacity_; }
  bool memory_locked() const noexcept { return memory_locked_; }
  SourceReport Report() const;
  // capacity() samples are ready.
  bool ready() const noexcept;
  // Moves capacity() samples to the beginning of `out` if that many are ready and each was read
  // after request number `since`. Returns the number of requests that had arrived before the first
  // of them was read.
  std::optional<uint64_t> Take(std::span<uint8_t> out, uint64_t since) noexcept;
  // Drops the samples that are ready if they are too old for request number `since`, so that fresh
  // ones are read. Samples of an unfinished seed stay: a slow source would never finish one.
  void DropBefore(uint64_t since) noexcept;
  // Takes the source out, as a permanent alarm of `test` does.
  void Fail(const std::string& test) noexcept;
  // Brings a source back that was out, lost or absent: it is opened and tested again.
  void Revive() noexcept;
  // In a forked child, which has no thread: it is kLost from now on.
  void Abandon();

 private:
  struct Shared;
  static void Run(Shared& shared) noexcept;

  std::shared_ptr<Shared> shared_;
  size_t capacity_;
  bool memory_locked_;
  std::optional<pthread_t> thread_;
  std::string lost_reason_;  // why there is no thread, and since when
  uint64_t lost_since_ = 0;
};

}  // namespace entropyd
