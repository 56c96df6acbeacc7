// A blocking noise source on a thread of its own, which keeps tested samples ready ahead of need:
// a slow or absent device delays nobody.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <thread>

#include "health/tested_source.h"
#include "sources/noise_source.h"

namespace entropyd {

class BackgroundSource {
 public:
  // Keeps `capacity` bytes ready. `on_change` is called on the thread when samples became ready or
  // the source's state changed: never after the destructor, and under a lock, so that it must not
  // call back.
  BackgroundSource(std::unique_ptr<NoiseSource> source, size_t capacity,
                   std::function<void()> on_change);
  // Ends the thread; one that the kernel holds in a read is left to itself.
  ~BackgroundSource();
  BackgroundSource(const BackgroundSource&) = delete;
  BackgroundSource& operator=(const BackgroundSource&) = delete;

  size_t capacity() const noexcept;
  // A copy; `kLost` where a read is overdue, though its thread cannot say so.
  SourceReport Report() const;
  // Moves min(capacity, out.size()) ready bytes out; false if they are not ready.
  bool Take(std::span<uint8_t> out) noexcept;
  // Drops what is ready: what Take() gives from now on is read after this call.
  void Discard() noexcept;
  // Repeats the startup test, on the thread.
  void Retest() noexcept;
  // In a forked child the thread does not exist, and its lock may be held for ever.
  void Abandon();

 private:
  struct Shared;
  static void Run(const std::shared_ptr<Shared>& shared);

  std::shared_ptr<Shared> shared_;
  std::thread thread_;
};

}  // namespace entropyd
