// The program of a virtual machine that test/system/clone resumes twice from one snapshot: it draws
// from the generator without a pause, so that the snapshot falls between two draws.
//   clone_guest    speaks over standard input and output, in lines:
//     > ready STATE RDRAND       the second word is rdrand or none
//     < an empty line: begin to draw
//     > drawn COUNT              now and then
//     < an empty line: end
//     > draw TIME KERNEL OUTPUT  each draw: CLOCK_MONOTONIC in ns before it, 8 bytes of
//                                getrandom(2), then 32 bytes of the generator; in hex
//     > bare OUTPUT              32 bytes of the control
//     > end
#include <cpuid.h>
#include <poll.h>
#include <sched.h>
#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "drbg/drbg.h"
#include "generator/generator.h"

namespace {

using entropyd::Generator;
using entropyd::Result;
using entropyd::State;

// Half a minute of draws on a slow, busy host; 12 MB.
constexpr size_t kMaxDraws = 1 << 18;
constexpr size_t kDrawsPerReport = 256;
constexpr size_t kBareDraws = 16;

struct Draw {
  uint64_t at_ns = 0;
  std::array<uint8_t, 8> kernel{};
  std::array<uint8_t, 32> output{};
};

void Expect(bool condition, const char* what) {
  if (condition) return;
  std::cerr << "expectation failed: " << what << std::endl;
  std::abort();
}

void ReadKernel(std::span<uint8_t> out) {
  Expect(getrandom(out.data(), out.size(), 0) == std::ssize(out), "the kernel answers");
}

// Seeds the control from the kernel, once.
class KernelSeed final : public entropyd::SeedSupplier {
 public:
  std::span<uint8_t> SupplySeed() noexcept override {
    ReadKernel(seed_);
    return seed_;
  }
  void ClearSeed() noexcept override { seed_.fill(0); }

 private:
  std::array<uint8_t, entropyd::kSeedSize> seed_{};
};

uint64_t MonotonicNs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

// True as soon as a line has come, and takes it.
bool LineCame(int timeout_ms) {
  pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  if (poll(&input, 1, timeout_ms) != 1) return false;
  std::array<char, 16> line{};
  return read(STDIN_FILENO, line.data(), line.size()) > 0;
}

// A clone is noticed on the CPU that takes the interrupts of ACPI, the first. On the last one the
// draws go on meanwhile, with one and the same of the kernel's generators, of which each CPU has
// its own: the worst case.
void StayOnLastCpu() {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(sysconf(_SC_NPROCESSORS_ONLN) - 1, &cpus);
  Expect(sched_setaffinity(0, sizeof(cpus), &cpus) == 0, "the CPU can be chosen");
}

// CPUID leaf 1, asked without the product's own code.
bool HasRdrand() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_RDRND) != 0;
}

std::string Hex(std::span<const uint8_t> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace

int main() {
  std::atomic<unsigned> changes = 0;
  // Without reseeds: one in the moment after the resume would separate the clones by luck.
  Generator generator({.reseed_requests = std::numeric_limits<uint64_t>::max()},
                      {entropyd::kBuiltInSources.begin(), entropyd::kBuiltInSources.end()},
                      {.on_transition = [](State, const std::string&) {},
                       .on_source_change =
                           [&changes] {
                             ++changes;
                             changes.notify_one();
                           }});
  while (generator.state() == State::kSeeding) {
    const unsigned seen = changes;
    generator.Poll();
    if (generator.state() == State::kSeeding) changes.wait(seen);
  }

  const entropyd::OpensslContext openssl;
  KernelSeed seed;
  entropyd::Drbg bare(openssl, seed);
  Expect(bare.Instantiate({}), "the control is instantiated");

  std::vector<Draw> draws;
  draws.reserve(kMaxDraws);
  StayOnLastCpu();
  std::cout << "ready " << entropyd::Name(generator.state()) << (HasRdrand() ? " rdrand" : " none")
            << std::endl;
  while (!LineCame(-1)) {
  }
  while (!LineCame(draws.size() < kMaxDraws ? 0 : -1)) {
    if (draws.size() == kMaxDraws) continue;
    Draw draw{.at_ns = MonotonicNs()};
    ReadKernel(draw.kernel);
    Expect(generator.Generate(draw.output) == Result::kOk, "the generator serves");
    draws.push_back(draw);
    if (draws.size() % kDrawsPerReport == 0) std::cout << "drawn " << draws.size() << std::endl;
  }

  for (const Draw& draw : draws)
    std::cout << "draw " << draw.at_ns << ' ' << Hex(draw.kernel) << ' ' << Hex(draw.output)
              << '\n';
  for (size_t i = 0; i < kBareDraws; ++i) {
    std::array<uint8_t, 32> output{};
    Expect(bare.Generate(output, {}), "the control serves");
    std::cout << "bare " << Hex(output) << '\n';
  }
  std::cout << "end" << std::endl;
  // The machine is ended from outside: its kernel panics without its first process.
  for (;;) pause();
}
