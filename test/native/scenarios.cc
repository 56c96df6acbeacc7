// The generator in a process without node, for the leak and thread sanitizers: sources that fail
// while they are read, a device's thread beside its owner's calls, forks, and every kind of end.
//   scenarios          runs all; exits 0 if every expectation holds
//   scenarios FAULT    leak, overflow or race: commits it on purpose; the sanitizer must abort
#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <string_view>
#include <thread>
#include <vector>

#include "generator/generator.h"
#include "scripted_source.h"

namespace {

using entropyd::Generator;
using entropyd::Result;
using entropyd::State;
using entropyd::test::Fault;
using entropyd::test::ScriptedSource;
using entropyd::test::Switch;

constexpr size_t kOutput = 70'000;  // two requests of the DRBG
constexpr unsigned kDeviceRounds = 200;
// How long an expected event may take on a slow, busy machine.
constexpr std::chrono::seconds kPatience{60};
constexpr std::chrono::milliseconds kPollInterval{1};

void Expect(bool condition, const char* what) {
  if (condition) return;
  std::cerr << "expectation failed: " << what << '\n';
  std::abort();
}

// A host of RDSEED, RDRAND, getrandom(2) and a device, under switches.
struct Host {
  std::shared_ptr<Switch> rdseed = std::make_shared<Switch>();
  std::shared_ptr<Switch> rdrand = std::make_shared<Switch>();
  std::shared_ptr<Switch> kernel = std::make_shared<Switch>();
  std::shared_ptr<Switch> device = std::make_shared<Switch>();
  double device_credit = 7;
  std::atomic<bool> ended = false;  // the owner of on_source_change has ended
  std::atomic<unsigned> changes = 0;

  std::unique_ptr<Generator> Make(const entropyd::GeneratorOptions& options, bool with_rdseed) {
    using entropyd::SampleKind;
    using entropyd::SourceRole;
    std::vector<entropyd::SourceFactory> sources;
    const auto add = [&sources](const entropyd::SourceTraits& traits, const auto& control) {
      sources.emplace_back(
          [traits, control] { return std::make_unique<ScriptedSource>(traits, control); });
    };
    if (with_rdseed)
      add({.name = "rdseed",
           .sample = SampleKind::kWord64,
           .credited_bits_per_byte = 4,
           .startup_bytes = 32768},
          rdseed);
    add({.name = "rdrand",
         .sample = SampleKind::kWord64,
         .role = SourceRole::kAdditionalInput,
         .startup_bytes = 32768},
        rdrand);
    add({.name = "getrandom", .role = SourceRole::kKernel, .tested_bits_per_byte = 8}, kernel);
    add({.name = "device", .credited_bits_per_byte = device_credit}, device);
    return std::make_unique<Generator>(
        options, std::move(sources),
        entropyd::GeneratorHooks{.on_transition = [](State, const std::string&) {},
                                 .on_source_change =
                                     [this] {
                                       Expect(!ended, "no change is reported after the end");
                                       ++changes;
                                     },
                                 .clock = entropyd::BootTimeNs});
  }
};

// Waits for what another thread does; fails at its deadline.
void Until(const char* what, const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    Expect(std::chrono::steady_clock::now() < deadline, what);
    std::this_thread::sleep_for(kPollInterval);
  }
}

bool AllZero(const std::vector<uint8_t>& bytes) {
  return std::ranges::all_of(bytes, [](uint8_t byte) { return byte == 0; });
}

// Generates, and checks that bytes come only with kOk.
Result Draw(Generator& generator, size_t size) {
  std::vector<uint8_t> out(size, 0xff);
  const Result result = generator.Generate(out);
  Expect(AllZero(out) == (result != Result::kOk), "output is full or zero");
  return result;
}

// The same with prediction resistance, once.
Result DrawResistant(Generator& generator, uint64_t request) {
  std::vector<uint8_t> out(32, 0xff);
  const Result result = generator.GenerateResistant(out, request);
  Expect(AllZero(out) == (result != Result::kOk), "output is full or zero");
  return result;
}

void SelfTest(Generator& generator) { generator.FinishSelfTest(generator.self_tester()->Run()); }

// Every fault in every source but the device, while the generator serves.
void FaultsOfSources() {
  for (const Fault fault : {Fault::kZeros, Fault::kTwice, Fault::kBit7, Fault::kTrickle,
                            Fault::kCarry46, Fault::kGone, Fault::kAbsent}) {
    for (const auto source : {&Host::rdseed, &Host::rdrand, &Host::kernel}) {
      Host host;
      const auto generator = host.Make({.reseed_requests = 2, .first_seed_ms = 60'000}, true);
      Expect(Draw(*generator, kOutput) == Result::kOk, "a healthy host serves");
      (host.*source)->fault = fault;
      for (unsigned i = 0; i < 4; ++i) {
        Draw(*generator, kOutput);
        DrawResistant(*generator, generator->Arrive());
        generator->Reseed();
        generator->Poll();
      }
      SelfTest(*generator);
      (host.*source)->fault = Fault::kNone;
      generator->Reseed();
      SelfTest(*generator);
      DrawResistant(*generator, generator->Arrive());
      generator->Snapshot();
    }
  }
}

// The device's thread reads, fails and recovers while its owner calls every function.
void DeviceBesideItsOwner() {
  Host host;
  host.device->fault = Fault::kBlock;
  const auto generator = host.Make({.profile = entropyd::Profile::kStrict}, false);
  Expect(Draw(*generator, 32) == Result::kNotSeeded, "seeding: nothing is served");
  host.device->fault = Fault::kSlow;
  Until("the device seeds the generator", [&] {
    generator->Poll();
    return generator->state() == State::kOperational;
  });
  for (unsigned round = 0; round < kDeviceRounds; ++round) {
    if (round % 50 == 0) SelfTest(*generator);
    if (round % 3 == 0) generator->Reseed();
    if (round % 4 == 0) {
      const unsigned before = host.changes;
      generator->Reseed();
      Until("the device delivers again", [&] { return host.changes > before; });
    }
    generator->Poll();
    generator->Snapshot();
    Draw(*generator, 32);
    DrawResistant(*generator, generator->Arrive());
  }
  const uint64_t request = generator->Arrive();
  Until("prediction resistance from a device",
        [&] { return DrawResistant(*generator, request) == Result::kOk; });
  host.device->fault = Fault::kStuckByte;
  Until("a stuck device is an error", [&] {
    generator->Reseed();
    generator->Poll();
    return generator->state() == State::kError;
  });
  Expect(Draw(*generator, 32) == Result::kHealth, "nothing is served");
  host.device->fault = Fault::kNone;
  SelfTest(*generator);
  Until("a self-test ends the error", [&] {
    generator->Poll();
    return generator->state() == State::kOperational;
  });
}

// A thread that the kernel holds in a read outlives its owner, and no longer notifies it.
void EndDuringRead() {
  static Host host;  // on_source_change refers to it
  host.device_credit = 0;
  host.device->fault = Fault::kSlow;
  auto generator = host.Make({}, true);
  Until("the device passes", [&] { return host.changes > 0; });
  host.device->fault = Fault::kBlock;
  Draw(*generator, 32);
  // A reseed takes what is ready, so that the thread reads again and is held.
  Until("the thread is held in a read", [&] {
    generator->Reseed();
    generator->Poll();
    return host.device->held > 0;
  });
  generator.reset();
  Expect(host.device->held > 0, "the read outlives its owner");
  host.ended = true;
  host.device->fault = Fault::kZeros;
  Until("the thread ends", [] { return host.device->destroyed.load(); });
}

// A forked child has only the thread that forked, and draws other bytes than its parent.
void Forks() {
  Host host;
  const auto generator = host.Make({.first_seed_ms = 60'000}, true);
  std::vector<uint8_t> mine(32);
  std::vector<uint8_t> its(32);
  for (unsigned i = 0; i < 5; ++i) {
    int ends[2];
    Expect(pipe(ends) == 0, "a pipe");
    const pid_t child = fork();
    if (child == 0) {
      const bool ok = generator->Generate(its) == Result::kOk;
      _exit(ok && write(ends[1], its.data(), its.size()) == std::ssize(its) ? 0 : 1);
    }
    Expect(generator->Generate(mine) == Result::kOk, "the parent draws");
    int status = 1;
    waitpid(child, &status, 0);
    Expect(status == 0 && read(ends[0], its.data(), its.size()) == std::ssize(its),
           "the child draws");
    Expect(mine != its, "parent and child differ");
    close(ends[0]);
    close(ends[1]);
  }
}

// Without threads every noise source is lost, and the process lives on, its signal mask as before.
void NoThreads() {
  const pid_t child = fork();
  if (child == 0) {
    // RLIMIT_NPROC does not bind root.
    constexpr uid_t kNobody = 65534;
    if (getuid() == 0) Expect(setuid(kNobody) == 0, "another user");
    const rlimit none{0, 0};
    Expect(setrlimit(RLIMIT_NPROC, &none) == 0, "a limit");
    Host host;
    const auto generator = host.Make({}, true);
    for (const auto& source : generator->Snapshot().sources)
      Expect((source.report.state == entropyd::SourceState::kLost) ==
                 (source.traits.role == entropyd::SourceRole::kSeed),
             "what needs a thread is lost");
    Expect(generator->state() == State::kDegraded, "it is reported");
    Expect(Draw(*generator, 32) == Result::kOk, "the kernel's generator serves");
    Expect(DrawResistant(*generator, generator->Arrive()) == Result::kEntropy, "without noise");
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    Expect(sigismember(&mask, SIGTERM) == 0, "signals are not blocked");
    _exit(0);
  }
  int status = 1;
  waitpid(child, &status, 0);
  Expect(status == 0, "a process without threads goes on");
}

// The real sources of this host, in any condition: busy neighbors can starve RDSEED. One device
// never ends, another does not exist.
void RealSources() {
  std::vector<entropyd::SourceFactory> sources(entropyd::kBuiltInSources.begin(),
                                               entropyd::kBuiltInSources.end());
  for (const entropyd::DeviceConfig& device :
       {entropyd::DeviceConfig{.name = "urandom", .path = "/dev/urandom"},
        entropyd::DeviceConfig{
            .name = "none", .path = "/nonexistent", .credited_bits_per_byte = 4}})
    sources.emplace_back([device] { return entropyd::MakeDevice(device); });
  Generator generator(
      {}, std::move(sources),
      {.on_transition = [](State, const std::string&) {}, .on_source_change = [] {}});
  Expect(Draw(generator, 1 << 20) == Result::kOk, "this host serves");
  SelfTest(generator);
  Expect(Draw(generator, 1 << 20) == Result::kOk, "this host serves after the self-test");
}

// Faults that the sanitizers must find.
void Misbehave(std::string_view fault) {
  if (fault == "leak") {
    std::cout << new int[16] << " is lost\n";  // NOLINT
  } else if (fault == "overflow") {
    // One byte more than whole words, which the health tests read.
    const std::vector<uint8_t> samples(9, 1);
    entropyd::HealthTests(entropyd::SampleKind::kWord64, 7).Insert(samples);
  } else if (fault == "race") {
    int shared = 0;
    std::thread other([&shared] { ++shared; });
    ++shared;
    other.join();
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count > 1) {
    Misbehave(arguments[1]);
    return 0;
  }
  FaultsOfSources();
  DeviceBesideItsOwner();
  EndDuringRead();
  Forks();
  NoThreads();
  RealSources();
  std::cout << "every scenario ended as expected\n";
}
