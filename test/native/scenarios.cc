// The generator's life in a process without node, for the leak and thread sanitizers: sources that
// fail while they are read, a device's thread beside its owner's calls, forks, and ends of every
// kind.
//   scenarios          runs all; 0 if every expectation holds
//   scenarios FAULT    leak, overflow or race: does one on purpose; the sanitizer must end it
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
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
using std::chrono::milliseconds;

using Switch = std::shared_ptr<std::atomic<Fault>>;

constexpr size_t kOutput = 70'000;  // two requests of the DRBG
constexpr unsigned kDeviceRounds = 200;

void Expect(bool condition, const char* what) {
  if (condition) return;
  std::cerr << "not so: " << what << '\n';
  std::abort();
}

Switch NewSwitch(Fault fault = Fault::kNone) { return std::make_shared<std::atomic<Fault>>(fault); }

// A host of RDSEED, RDRAND, getrandom(2) and a device, under switches.
struct Host {
  Switch rdseed = NewSwitch();
  Switch rdrand = NewSwitch();
  Switch kernel = NewSwitch();
  Switch device = NewSwitch(Fault::kTryAgain);
  unsigned device_credit = 8;
  std::atomic<bool> ended = false;  // the owner of on_source_change
  std::atomic<unsigned> changes = 0;

  std::unique_ptr<Generator> Make(const entropyd::GeneratorOptions& options, bool with_rdseed) {
    using entropyd::SampleKind;
    using entropyd::SourceRole;
    std::vector<std::unique_ptr<entropyd::NoiseSource>> sources;
    const auto add = [&sources](entropyd::SourceTraits traits, const Switch& fault) {
      sources.push_back(std::make_unique<ScriptedSource>(std::move(traits), fault));
    };
    if (with_rdseed)
      add({.name = "rdseed", .sample = SampleKind::kWord64, .credited_bits_per_byte = 4}, rdseed);
    add({.name = "rdrand", .sample = SampleKind::kWord64, .role = SourceRole::kAdditionalInput},
        rdrand);
    add({.name = "getrandom", .role = SourceRole::kKernel}, kernel);
    add({.name = "device", .blocking = true, .credited_bits_per_byte = device_credit}, device);
    return std::make_unique<Generator>(
        options, std::move(sources),
        entropyd::GeneratorHooks{.on_transition = [](State, const std::string&) {},
                                 .on_source_change =
                                     [this] {
                                       Expect(!ended, "no change is told after the end");
                                       ++changes;
                                     },
                                 .clock = entropyd::BootTimeNs});
  }
};

void Until(const char* what, const std::function<bool()>& condition) {
  for (unsigned i = 0; i < 3'000; ++i) {
    if (condition()) return;
    std::this_thread::sleep_for(milliseconds(5));
  }
  Expect(false, what);
}

bool AllZero(const std::vector<uint8_t>& bytes) {
  return std::ranges::all_of(bytes, [](uint8_t byte) { return byte == 0; });
}

// Generates; bytes come with kOk alone.
Result Draw(Generator& generator, size_t size, bool fresh) {
  std::vector<uint8_t> out(size, 0xff);
  const Result result = generator.Generate(out, fresh);
  Expect(AllZero(out) == (result != Result::kOk), "output is full or zero");
  return result;
}

// Every fault in every source of the host, while it serves.
void FaultsOfDirectSources() {
  for (const Fault fault : {Fault::kZeros, Fault::kTwice, Fault::kBit7, Fault::kCarry0,
                            Fault::kCarry46, Fault::kGone, Fault::kAbsent}) {
    for (Switch Host::*source : {&Host::rdseed, &Host::rdrand, &Host::kernel}) {
      Host host;
      const auto generator = host.Make({.reseed_requests = 2}, true);
      Expect(Draw(*generator, kOutput, false) == Result::kOk, "a healthy host serves");
      *(host.*source) = fault;
      for (unsigned i = 0; i < 4; ++i) {
        Draw(*generator, kOutput, i % 2 == 0);
        generator->Reseed();
      }
      generator->SelfTest();
      *(host.*source) = Fault::kNone;
      generator->Reseed();
      Draw(*generator, kOutput, true);
      generator->Snapshot();
    }
  }
}

// The device's thread reads, fails and returns while its owner calls everything there is.
void DeviceBesideItsOwner() {
  Host host;
  const auto generator = host.Make({.profile = entropyd::Profile::kStrict}, false);
  Expect(Draw(*generator, 32, false) == Result::kNotSeeded, "seeding: nothing is served");
  *host.device = Fault::kSlow;
  Until("the device seeds the generator", [&] {
    generator->Poll();
    return generator->state() == State::kOperational;
  });
  for (unsigned round = 0; round < kDeviceRounds; ++round) {
    if (round % 10 == 0) generator->SelfTest();
    if (round % 3 == 0) generator->Reseed();
    if (round % 4 == 0) generator->BeginFresh();
    generator->Poll();
    generator->Snapshot();
    Draw(*generator, 32, round % 2 == 0);
    std::this_thread::sleep_for(milliseconds(round % 5));
  }
  Until("prediction resistance from a device",
        [&] { return Draw(*generator, 32, true) == Result::kOk; });
  Expect(host.changes > 0, "changes were told");
  *host.device = Fault::kStuckByte;
  Until("a stuck device is an error", [&] {
    generator->Reseed();
    generator->Poll();
    return generator->state() == State::kError;
  });
  Expect(Draw(*generator, 32, false) == Result::kHealth, "nothing is served");
}

// A thread that the kernel holds in a read outlives its owner, and tells it nothing any more.
void EndDuringRead() {
  static Host host;  // on_source_change refers to it
  host.device_credit = 0;
  *host.device = Fault::kSlow;
  auto generator = host.Make({}, true);
  Until("the device passes", [&] { return host.changes > 0; });
  *host.device = Fault::kBlock;
  std::this_thread::sleep_for(milliseconds(50));
  Draw(*generator, 32, false);
  generator->Reseed();  // takes what is ready, so that the thread reads and is held
  std::this_thread::sleep_for(milliseconds(50));
  generator.reset();
  host.ended = true;
  *host.device = Fault::kZeros;
  std::this_thread::sleep_for(milliseconds(500));
}

// A child has no threads but its own, and draws bytes that are not its parent's.
void Forks() {
  Host host;
  const auto generator = host.Make({}, true);
  std::vector<uint8_t> mine(32);
  std::vector<uint8_t> its(32);
  for (unsigned i = 0; i < 5; ++i) {
    int ends[2];
    Expect(pipe(ends) == 0, "a pipe");
    const pid_t child = fork();
    if (child == 0) {
      const bool ok = generator->Generate(its, false) == Result::kOk;
      _exit(ok && write(ends[1], its.data(), its.size()) == std::ssize(its) ? 0 : 1);
    }
    Expect(generator->Generate(mine, false) == Result::kOk, "the parent draws");
    int status = 1;
    waitpid(child, &status, 0);
    Expect(status == 0 && read(ends[0], its.data(), its.size()) == std::ssize(its),
           "the child draws");
    Expect(mine != its, "parent and child differ");
    close(ends[0]);
    close(ends[1]);
  }
}

// The real sources of this host, and a device that is read for ever.
void RealSources() {
  std::vector<std::unique_ptr<entropyd::NoiseSource>> sources;
  sources.reserve(entropyd::kBuiltInSources.size() + 2);
  for (const auto make : entropyd::kBuiltInSources) sources.push_back(make());
  sources.push_back(entropyd::MakeDevice("urandom", "/dev/urandom", 1));
  sources.push_back(entropyd::MakeDevice("none", "/nonexistent", 8));
  Generator generator({}, std::move(sources),
                      {.on_transition = [](State, const std::string&) {},
                       .on_source_change = [] {},
                       .clock = entropyd::BootTimeNs});
  Expect(Draw(generator, 1 << 20, false) == Result::kOk, "this host serves");
  Expect(generator.SelfTest(), "its sources pass");
}

// What the sanitizers must not overlook.
void Misbehave(std::string_view fault) {
  if (fault == "leak") {
    std::cout << new int[16] << " is lost\n";  // NOLINT
  } else if (fault == "overflow") {
    // One byte more than the health tests are given: they read whole words.
    const std::vector<uint8_t> samples(9, 1);
    entropyd::HealthTests(entropyd::SampleKind::kWord64).Insert(samples);
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
  FaultsOfDirectSources();
  DeviceBesideItsOwner();
  EndDuringRead();
  Forks();
  RealSources();
  std::cout << "every scenario ended as expected\n";
}
