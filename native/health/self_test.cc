// One thread for each source, and a deadline for all.
#include "health/self_test.h"

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>
#include <utility>

#include "memory/monotonic_condition.h"
#include "memory/thread.h"

namespace entropyd {
namespace {

using std::chrono::milliseconds;

constexpr uint64_t kSourceNs = 2 * kNsPerSecond;
constexpr milliseconds kAll{2'500};

SelfTestResult TestSource(const SourceFactory& make, const std::atomic<bool>& cancelled) {
  const uint64_t end = NowNs() + kSourceNs;
  TestedSource source(make(), NowNs, [end, &cancelled](unsigned) {
    if (cancelled || NowNs() >= end) return false;
    std::this_thread::sleep_for(milliseconds(1));
    return true;
  });
  source.Start();
  const SourceReport& report = source.report();
  if (report.state == SourceState::kTesting) return {};
  return {report.state, report.last_alarm};
}

// One run, which a thread in a read may outlive.
struct Trial {
  explicit Trial(size_t count) : results(count), pending(count) {}
  void Note(size_t index, SelfTestResult result) {
    const std::lock_guard lock(mutex);
    results[index] = std::move(result);
    --pending;
    done.NotifyAll();
  }

  std::mutex mutex;
  MonotonicCondition done;
  std::vector<SelfTestResult> results;
  size_t pending;
};

}  // namespace

struct SelfTester::Shared {
  explicit Shared(std::vector<SourceFactory> makers)
      : factories(std::move(makers)), busy(factories.size()) {}

  const std::vector<SourceFactory> factories;
  std::vector<std::atomic<bool>> busy;  // a test of the source is under way
  std::atomic<bool> cancelled = false;
};

SelfTester::SelfTester(std::vector<SourceFactory> factories)
    : shared_(std::make_shared<Shared>(std::move(factories))) {}

std::vector<SelfTestResult> SelfTester::Run() const {
  const size_t count = shared_->factories.size();
  const auto trial = std::make_shared<Trial>(count);
  for (size_t i = 0; i < count; ++i) {
    // Its last test is held in a read.
    if (shared_->busy[i].exchange(true)) {
      trial->Note(i, {});
      continue;
    }
    const bool started = StartDetached([s = shared_, trial, i] {
      SelfTestResult result = TestSource(s->factories[i], s->cancelled);
      s->busy[i] = false;
      trial->Note(i, std::move(result));
    });
    if (started) continue;
    shared_->busy[i] = false;
    trial->Note(i, {});
  }
  std::unique_lock lock(trial->mutex);
  trial->done.WaitFor(lock, kAll, [&trial] { return trial->pending == 0; });
  return trial->results;
}

void SelfTester::Cancel() const noexcept { shared_->cancelled = true; }

const std::vector<SourceFactory>& SelfTester::factories() const noexcept {
  return shared_->factories;
}

}  // namespace entropyd
