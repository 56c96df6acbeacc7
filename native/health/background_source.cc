// The thread of a blocking source: reads, tests, holds samples until they are taken, and reopens a
// lost device.
#include "health/background_source.h"

#include <pthread.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <mutex>
#include <utility>
#include <vector>

#include "memory/monotonic_condition.h"
#include "memory/secure_memory.h"

namespace entropyd {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Waits of 1, 2, 4 ... 128 ms between attempts, 45 in total: 255 ms, then 37 times 128 ms, which is
// together just under the timeout.
constexpr unsigned kMaxBackoffShift = 7;
constexpr unsigned kMaxWaits = 45;
constexpr uint64_t kReadTimeoutNs = 5'000'000'000;
// A lost or absent device is reopened at this interval.
constexpr seconds kReopenInterval{10};
// How long the destructor waits for a thread that is in a read.
constexpr milliseconds kStopGrace{200};
constexpr size_t kChunk = 64;

}  // namespace

struct BackgroundSource::Shared {
  Shared(std::unique_ptr<NoiseSource> noise, size_t capacity, std::function<void()> changed)
      : on_change(std::move(changed)),
        ready(capacity),
        source(std::move(noise), [this](unsigned waits) { return Backoff(waits); }) {}

  bool Backoff(unsigned waits) {
    if (waits >= kMaxWaits) return false;
    std::unique_lock lock(mutex);
    const milliseconds pause{1U << std::min(waits, kMaxBackoffShift)};
    return !wake.WaitFor(lock, pause, [this] { return stop; });
  }

  // Publishes the thread's report. Samples from before an alarm or a loss are dropped.
  void Publish() {
    const std::lock_guard lock(mutex);
    const bool changed =
        report.state != source.report().state || report.alarms != source.report().alarms;
    report = source.report();
    if (!changed) return;
    Empty();
    NotifyOwner();
  }

  // Empty() and NotifyOwner() are called under the lock.
  void Empty() {
    Wipe(ready.span());
    filled = 0;
  }
  // An owner that has ended is not notified: a thread that it left in a read may outlive what
  // on_change calls.
  void NotifyOwner() const {
    if (!stop) on_change();
  }

  std::function<void()> on_change;
  std::mutex mutex;
  MonotonicCondition wake;  // for the thread: something to do
  MonotonicCondition done;  // for the owner: the thread has ended
  SecureBuffer ready;
  size_t filled = 0;
  uint64_t epoch = 0;  // number of Discard() calls; a read that began before one is dropped
  bool stop = false;
  bool retest = false;
  bool finished = false;
  SourceReport report;
  TestedSource source;  // used by the thread alone, except reading_since()
};

BackgroundSource::BackgroundSource(std::unique_ptr<NoiseSource> source, size_t capacity,
                                   std::function<void()> on_change)
    : shared_(std::make_shared<Shared>(std::move(source), capacity, std::move(on_change))) {
  // The program's own threads handle signals.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([shared = shared_] { Run(shared); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

BackgroundSource::~BackgroundSource() {
  if (!shared_) return;
  std::unique_lock lock(shared_->mutex);
  shared_->stop = true;
  shared_->wake.NotifyAll();
  if (shared_->done.WaitFor(lock, kStopGrace, [this] { return shared_->finished; })) {
    lock.unlock();
    thread_.join();
  } else {
    thread_.detach();
  }
}

void BackgroundSource::Abandon() {
  // Never destroyed: a joinable thread cannot be, nor a mutex that may be held.
  static auto& abandoned = *new std::vector<std::pair<std::shared_ptr<Shared>, std::thread>>();
  abandoned.emplace_back(std::move(shared_), std::move(thread_));
}

size_t BackgroundSource::capacity() const noexcept { return shared_ ? shared_->ready.size() : 0; }

SourceReport BackgroundSource::Report() const {
  SourceReport report;
  if (!shared_) {
    report.state = SourceState::kLost;
    report.last_error = "its thread stayed in the parent process";
    return report;
  }
  const uint64_t since = shared_->source.reading_since();
  const std::lock_guard lock(shared_->mutex);
  report = shared_->report;
  if (since != 0 && NowNs() - since > kReadTimeoutNs && report.state != SourceState::kFailed) {
    report.state = SourceState::kLost;
    report.last_error = "timed out";
  }
  return report;
}

bool BackgroundSource::Take(std::span<uint8_t> out) noexcept {
  if (!shared_) return false;
  const std::lock_guard lock(shared_->mutex);
  if (shared_->filled < shared_->ready.size() || shared_->report.state != SourceState::kPassing)
    return false;
  std::ranges::copy(shared_->ready.first(std::min(out.size(), shared_->ready.size())), out.begin());
  shared_->Empty();
  shared_->wake.NotifyAll();
  return true;
}

void BackgroundSource::Discard() noexcept {
  if (!shared_) return;
  const std::lock_guard lock(shared_->mutex);
  shared_->Empty();
  ++shared_->epoch;
  shared_->wake.NotifyAll();
}

void BackgroundSource::Retest() noexcept {
  if (!shared_) return;
  const std::lock_guard lock(shared_->mutex);
  shared_->retest = true;
  shared_->wake.NotifyAll();
}

void BackgroundSource::Run(const std::shared_ptr<Shared>& shared) {
  Shared& s = *shared;
  std::array<uint8_t, kChunk> chunk{};
  const WipeGuard guard(chunk);
  std::unique_lock lock(s.mutex);
  while (!s.stop) {
    lock.unlock();
    s.source.Start();
    s.Publish();
    lock.lock();
    while (!s.stop && s.source.passing()) {
      s.wake.Wait(lock, [&s] { return s.stop || s.retest || s.filled < s.ready.size(); });
      if (s.stop) break;
      const bool retest = std::exchange(s.retest, false);
      const uint64_t epoch = s.epoch;
      lock.unlock();
      bool read = false;
      if (retest)
        s.source.TestStartup();
      else
        read = s.source.Read(chunk);
      s.Publish();
      lock.lock();
      if (read && epoch == s.epoch) {
        std::ranges::copy(chunk, s.ready.data() + s.filled);
        s.filled += chunk.size();
        if (s.filled == s.ready.size()) s.NotifyOwner();
      }
      // The stack is neither locked nor left out of dumps, and the next read may be far off.
      Wipe(chunk);
    }
    if (s.source.report().state == SourceState::kFailed) break;
    s.wake.WaitFor(lock, kReopenInterval, [&s] { return s.stop; });
  }
  s.Empty();
  s.finished = true;
  s.done.NotifyAll();
}

}  // namespace entropyd
