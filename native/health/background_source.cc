// The thread of a noise source: reads, tests, holds samples until they are taken, and reopens a
// lost source.
#include "health/background_source.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <mutex>
#include <system_error>
#include <utility>
#include <vector>

#include "memory/monotonic_condition.h"
#include "memory/secure_memory.h"
#include "memory/thread.h"

namespace entropyd {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Waits of 1, 2, 4 ... 128 ms while a source yields nothing.
constexpr unsigned kMaxBackoffShift = 7;
// A lost or absent source is reopened at this interval.
constexpr seconds kReopenInterval{10};
// How long the destructor waits for a thread that is in a read.
constexpr milliseconds kStopGrace{200};
constexpr size_t kChunk = 64;

}  // namespace

struct BackgroundSource::Shared {
  Shared(std::unique_ptr<NoiseSource> noise, size_t capacity, Clock time, Arrivals requests,
         std::function<void()> changed)
      : clock(time),
        arrivals(std::move(requests)),
        on_change(std::move(changed)),
        ready(capacity),
        source(
            std::move(noise), time, [this](unsigned waits) { return Backoff(waits); },
            [this] { Publish(); }) {
    report = source.report();
  }

  bool Backoff(unsigned waits) {
    std::unique_lock lock(mutex);
    report.retries = source.report().retries;
    const milliseconds pause{1U << std::min(waits, kMaxBackoffShift)};
    return !wake.WaitFor(lock, pause, [this] { return stop || failed_test; });
  }

  // Publishes the thread's report. Samples from before an alarm or a loss are dropped.
  void Publish() {
    const std::lock_guard lock(mutex);
    if (failed_test) source.Fail(*std::exchange(failed_test, std::nullopt));
    const bool changed =
        report.state != source.report().state || report.alarms != source.report().alarms;
    report = source.report();
    if (!changed) return;
    Empty();
    NotifyOwner();
  }

  // Enter(), Empty() and NotifyOwner() are called under the lock.
  void Enter(SourceState state) {
    report.state = state;
    report.since = clock();
  }
  void Empty() {
    Wipe(ready.span());
    filled = 0;
  }
  // An owner that has ended is not notified: a thread that it left in a read may outlive what
  // on_change calls.
  void NotifyOwner() const {
    if (!stop) on_change();
  }

  const Clock clock;
  const Arrivals arrivals;
  const std::function<void()> on_change;
  std::mutex mutex;
  MonotonicCondition wake;  // for the thread: something to do
  MonotonicCondition done;  // for the owner: the thread has ended
  SecureBuffer ready;
  size_t filled = 0;
  uint64_t oldest = 0;  // requests that had arrived when the first of these samples was read
  bool stop = false;
  bool revive = false;
  std::optional<std::string> failed_test;
  bool finished = false;
  SourceReport report;
  TestedSource source;  // used by the thread alone, except WithWaiting()
};

BackgroundSource::BackgroundSource(std::unique_ptr<NoiseSource> source, size_t capacity,
                                   Clock clock, Arrivals arrivals, std::function<void()> on_change)
    : shared_(std::make_shared<Shared>(std::move(source), capacity, clock, std::move(arrivals),
                                       std::move(on_change))),
      capacity_(capacity),
      memory_locked_(shared_->ready.locked()) {
  pthread_t thread{};
  const int error = StartThread(thread, [shared = shared_] { Run(*shared); });
  if (error == 0) {
    thread_ = thread;
    return;
  }
  shared_.reset();
  lost_since_ = clock();
  lost_reason_ = "no thread: " + std::generic_category().message(error);
}

BackgroundSource::~BackgroundSource() {
  if (!shared_ || !thread_) return;
  std::unique_lock lock(shared_->mutex);
  shared_->stop = true;
  shared_->wake.NotifyAll();
  const bool finished =
      shared_->done.WaitFor(lock, kStopGrace, [this] { return shared_->finished; });
  lock.unlock();
  if (finished)
    pthread_join(*thread_, nullptr);
  else
    pthread_detach(*thread_);
}

void BackgroundSource::Abandon() {
  if (!shared_) return;
  // Never destroyed: its mutex may be held by the thread that does not exist here.
  static auto& abandoned = *new std::vector<std::shared_ptr<Shared>>();
  lost_since_ = shared_->clock();
  abandoned.push_back(std::move(shared_));
  shared_.reset();
  thread_.reset();
  lost_reason_ = "its thread stayed in the parent process";
}

SourceReport BackgroundSource::Report() const {
  if (!shared_) {
    SourceReport report;
    report.state = SourceState::kLost;
    report.since = lost_since_;
    report.last_error = lost_reason_;
    return report;
  }
  const std::lock_guard lock(shared_->mutex);
  return shared_->source.WithWaiting(shared_->report);
}

bool BackgroundSource::ready() const noexcept {
  if (!shared_) return false;
  const std::lock_guard lock(shared_->mutex);
  return shared_->filled == capacity_ && shared_->report.state == SourceState::kPassing;
}

std::optional<uint64_t> BackgroundSource::Take(std::span<uint8_t> out, uint64_t since) noexcept {
  if (!shared_) return std::nullopt;
  const std::lock_guard lock(shared_->mutex);
  if (shared_->filled < capacity_ || shared_->oldest < since ||
      shared_->report.state != SourceState::kPassing)
    return std::nullopt;
  std::ranges::copy(shared_->ready.span(), out.begin());
  shared_->Empty();
  shared_->wake.NotifyAll();
  return shared_->oldest;
}

void BackgroundSource::DropBefore(uint64_t since) noexcept {
  if (!shared_) return;
  const std::lock_guard lock(shared_->mutex);
  if (shared_->filled < capacity_ || shared_->oldest >= since) return;
  shared_->Empty();
  shared_->wake.NotifyAll();
}

void BackgroundSource::Fail(const std::string& test) noexcept {
  if (!shared_) return;
  const std::lock_guard lock(shared_->mutex);
  // The owner sees it at once; the thread follows with Publish().
  shared_->Enter(SourceState::kFailed);
  shared_->report.last_alarm = test;
  shared_->failed_test = test;
  shared_->Empty();
  shared_->wake.NotifyAll();
}

void BackgroundSource::Revive() noexcept {
  if (!shared_) return;
  const std::lock_guard lock(shared_->mutex);
  shared_->Enter(SourceState::kTesting);
  shared_->failed_test.reset();
  shared_->revive = true;
  shared_->wake.NotifyAll();
}

void BackgroundSource::Run(Shared& s) noexcept {
  std::array<uint8_t, kChunk> chunk{};
  const WipeGuard guard(chunk);
  std::unique_lock lock(s.mutex);
  while (!s.stop) {
    if (std::exchange(s.revive, false)) s.source.Revive();
    lock.unlock();
    s.source.Start();
    s.Publish();
    lock.lock();
    while (!s.stop && s.source.passing()) {
      s.wake.Wait(lock, [&s] { return s.stop || s.failed_test || s.filled < s.ready.size(); });
      if (s.stop) break;
      // It was for a source that was out; a later alarm must not be undone by it.
      s.revive = false;
      const uint64_t begun = *s.arrivals;
      const bool condemned = s.failed_test.has_value();
      lock.unlock();
      const bool read = !condemned && s.source.Read(chunk);
      s.Publish();
      lock.lock();
      if (read && s.source.passing()) {
        if (s.filled == 0) s.oldest = begun;
        std::ranges::copy(chunk, s.ready.data() + s.filled);
        s.filled += chunk.size();
        if (s.filled == s.ready.size()) s.NotifyOwner();
      }
      // The stack is neither locked nor left out of dumps, and the next read may be far off.
      Wipe(chunk);
    }
    const auto revived = [&s] { return s.stop || s.revive; };
    if (s.stop) break;
    if (s.source.retired())
      s.wake.Wait(lock, revived);
    else
      s.wake.WaitFor(lock, kReopenInterval, revived);
  }
  s.Empty();
  s.finished = true;
  s.done.NotifyAll();
}

}  // namespace entropyd
