// Baseline for small responses: writes back what it reads.
#include "serve.h"

int main(int argc, char** argv) { return argc == 2 ? Serve(argv[1], WriteAll) : 64; }
