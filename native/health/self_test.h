// Health tests on demand (SP 800-90B 4.3), on instances of the sources' own: the sources in use are
// not disturbed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "health/tested_source.h"
#include "sources/noise_source.h"

namespace entropyd {

struct SelfTestResult {
  SourceState state = SourceState::kWaiting;  // kWaiting: undecided in the time that it had
  std::string test;                           // the alarm, if it failed
};

class SelfTester {
 public:
  explicit SelfTester(std::vector<SourceFactory> factories);

  // Tests all sources at a time, each in a thread of its own, and returns after 2.5 s at most. A
  // test that the kernel holds in a read is left behind, and its source is undecided until that
  // read returns. Callable in any thread.
  std::vector<SelfTestResult> Run() const;
  // Ends what is running soon. Callable in any thread.
  void Cancel() const noexcept;
  const std::vector<SourceFactory>& factories() const noexcept;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace entropyd
