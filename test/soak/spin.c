// spin SECONDS: reads RDSEED as fast as it can, so that others get nothing; ends by itself.
#include <cpuid.h>
#include <immintrin.h>
#include <stdlib.h>
#include <unistd.h>

__attribute__((target("rdseed"))) static void Read(void) {
  unsigned long long word;
  _rdseed64_step(&word);
}

int main(int count, char** arguments) {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  alarm(count > 1 ? (unsigned)atoi(arguments[1]) : 1);
  const int has = __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ebx >> 18 & 1);
  for (;;)
    if (has) Read();
}
