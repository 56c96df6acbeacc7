// The estimators of SP 800-90B on another processor than that of the other tests.
//   arm64_assess FILE MIN_ENTROPY   exits 0 if that is the file's, to six digits
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <vector>

#include "assess/assessment.h"

int main(int count, char** arguments) {
  if (count != 3) return 1;
  constexpr double kTolerance = 1e-6;
  std::ifstream file(arguments[1], std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  const std::vector<uint8_t> samples(bytes.begin(), bytes.end());
  const entropyd::Assessment assessment = entropyd::Assess(samples, 0);
  const double difference = assessment.min_entropy - std::strtod(arguments[2], nullptr);
  std::cout << assessment.min_entropy << ' ' << assessment.error << '\n';
  return std::abs(difference) <= kTolerance ? 0 : 1;
}
