// A blocking noise source on a thread of its own, which keeps tested samples ready ahead of need: a
// slow or absent device delays no request.
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
  // the source's state changed; never after the destructor. It is called under a lock and must not
  // call back.
  BackgroundSource(std::unique_ptr<NoiseSource> source, size_t capacity,
                   std::function<void()> on_change);
  // Ends the thread, or detaches it if the kernel holds it in a read.
  ~BackgroundSource();
  BackgroundSource(const BackgroundSource&) = delete;
  BackgroundSource& operator=(const BackgroundSource&) = delete;

  size_t capacity() const noexcept;
  // A copy. The state is `kLost` if a read is overdue, which its thread cannot report.
  SourceReport Report() const;
  // Moves min(capacity, out.size()) ready bytes to `out`; false if they are not ready.
  bool Take(std::span<uint8_t> out) noexcept;
  // Drops the ready bytes: what Take() returns from now on is read after this call.
  void Discard() noexcept;
  // Repeats the startup test, on the thread.
  void Retest() noexcept;
  // For a forked child, where the thread does not exist and its lock may be held forever.
  void Abandon();

 private:
  struct Shared;
  static void Run(const std::shared_ptr<Shared>& shared);

  std::shared_ptr<Shared> shared_;
  std::thread thread_;
};

}  // namespace entropyd
