// A program that uses the OpenSSL provider as a test tells it to, by EVP_RAND(3) and RAND_bytes(3):
// reads commands from standard input, one a line, and answers each with a line. With -DBUILTIN the
// provider's sources are linked in, for the sanitizers; otherwise OpenSSL loads the module.
#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DRAW_SIZE = 16, MAX_THREADS = 16, DRAWS = 200, GUARD = 64 };

static OSSL_PROVIDER* provider;
static EVP_RAND* entropyd;

// The reason of the first error in the queue, which is emptied.
static const char* reason(void) {
  const char* text = ERR_reason_error_string(ERR_peek_error());
  ERR_clear_error();
  return text != NULL ? text : "none";
}

static const char* outcome(int done) { return done == 1 ? "ok" : reason(); }

static EVP_RAND_CTX* new_rand(void) {
  EVP_RAND_CTX* rand = EVP_RAND_CTX_new(entropyd, NULL);
  if (rand == NULL) abort();
  return rand;
}

// hold: instantiates a context that later commands use.
static EVP_RAND_CTX* held;

static void hold(void) {
  held = new_rand();
  printf("%s\n", outcome(EVP_RAND_instantiate(held, 0, 0, NULL, 0, NULL)));
}

// generate SIZE STRENGTH RESIST: the outcome, and whether bytes and guards are as they should be.
static void generate(size_t size, unsigned strength, int resist) {
  unsigned char* memory = malloc(size + 2 * (size_t)GUARD);
  if (memory == NULL) abort();
  memset(memory, 0xa5, size + 2 * (size_t)GUARD);
  unsigned char* out = memory + GUARD;
  const int done =
      EVP_RAND_generate(held, out, size, strength, resist, (const unsigned char*)"input", 5);
  size_t zeros = 0;
  for (size_t i = 0; i < size; i++) zeros += out[i] == 0;
  bool kept = true;
  for (size_t i = 0; i < GUARD; i++)
    kept = kept && memory[i] == 0xa5 && memory[GUARD + size + i] == 0xa5;
  printf("%s, %s, %s\n", outcome(done),
         zeros == size            ? "zeros"
         : zeros > size / 16 + 16 ? "part"
                                  : "filled",
         kept ? "guarded" : "overflow");
  free(memory);
}

// states: before, between and after; and what can be asked of a context.
static void states(void) {
  EVP_RAND_CTX* rand = new_rand();
  unsigned char byte = 0;
  const int before = EVP_RAND_get_state(rand);
  const int early = EVP_RAND_generate(rand, &byte, 1, 0, 0, NULL, 0);
  ERR_clear_error();
  const int made = EVP_RAND_instantiate(rand, 256, 1, (const unsigned char*)"name", 4, NULL);
  const int ready = EVP_RAND_get_state(rand);
  const int again = EVP_RAND_reseed(rand, 1, NULL, 0, (const unsigned char*)"input", 5);
  const unsigned strength = EVP_RAND_get_strength(rand);
  size_t most = 0;
  unsigned small = 0;
  OSSL_PARAM large_one[] = {OSSL_PARAM_construct_size_t(OSSL_RAND_PARAM_MAX_REQUEST, &most),
                            OSSL_PARAM_END};
  OSSL_PARAM small_one[] = {OSSL_PARAM_construct_uint(OSSL_RAND_PARAM_MAX_REQUEST, &small),
                            OSSL_PARAM_END};
  const int large_done = EVP_RAND_CTX_get_params(rand, large_one);
  const int small_done = EVP_RAND_CTX_get_params(rand, small_one);
  const int ended = EVP_RAND_uninstantiate(rand);
  const int wiped = EVP_RAND_verify_zeroization(rand);
  printf("%d %d %d %d %d %u %d %d %d %d %d\n", before, early, made, ready, again, strength,
         large_done == 1 && most == PTRDIFF_MAX, small_done, ended, EVP_RAND_get_state(rand),
         wiped);
  EVP_RAND_CTX_free(rand);
}

// chain RESIST: OpenSSL's own DRBG with this as its parent.
static void chain(int resist) {
  EVP_RAND_CTX* parent = new_rand();
  EVP_RAND* method = EVP_RAND_fetch(NULL, "CTR-DRBG", NULL);
  EVP_RAND_CTX* child = EVP_RAND_CTX_new(method, parent);
  char cipher[] = "AES-256-CTR";
  OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_DRBG_PARAM_CIPHER, cipher, 0),
                             OSSL_PARAM_END};
  unsigned char out[DRAW_SIZE] = {0};
  int done = EVP_RAND_instantiate(parent, 0, 0, NULL, 0, NULL);
  if (done == 1) done = EVP_RAND_instantiate(child, 256, resist, NULL, 0, parameters);
  if (done == 1) done = EVP_RAND_generate(child, out, sizeof out, 256, resist, NULL, 0);
  printf("%s\n", outcome(done));
  EVP_RAND_CTX_free(child);
  EVP_RAND_CTX_free(parent);
  EVP_RAND_free(method);
}

struct drawn {
  unsigned char bytes[DRAWS][DRAW_SIZE];
  EVP_RAND_CTX* shared;
  int failed;
};

static void* draw(void* argument) {
  struct drawn* drawn = argument;
  for (int i = 0; i < DRAWS; i++) {
    const int done =
        i % 2 == 0 ? RAND_bytes(drawn->bytes[i], DRAW_SIZE)
                   : EVP_RAND_generate(drawn->shared, drawn->bytes[i], DRAW_SIZE, 0, 0, NULL, 0);
    drawn->failed += done != 1;
  }
  return NULL;
}

static int compare(const void* a, const void* b) { return memcmp(a, b, DRAW_SIZE); }

// threads COUNT: that draw at the same time, from contexts of their own and from one of all.
static void threads(int count) {
  if (count < 1 || count > MAX_THREADS) abort();
  struct drawn* all = calloc((size_t)count, sizeof *all);
  unsigned char(*sorted)[DRAW_SIZE] = calloc((size_t)count * DRAWS, DRAW_SIZE);
  if (all == NULL || sorted == NULL) abort();
  EVP_RAND_CTX* shared = new_rand();
  if (EVP_RAND_enable_locking(shared) != 1) abort();
  int failed = EVP_RAND_instantiate(shared, 0, 0, NULL, 0, NULL) != 1;
  pthread_t ids[MAX_THREADS];
  for (int i = 0; i < count; i++) {
    all[i].shared = shared;
    if (pthread_create(&ids[i], NULL, draw, &all[i]) != 0) abort();
  }
  for (int i = 0; i < count; i++) {
    pthread_join(ids[i], NULL);
    failed += all[i].failed;
    memcpy(sorted[(size_t)i * DRAWS], all[i].bytes, sizeof all[i].bytes);
  }
  const size_t total = (size_t)count * DRAWS;
  qsort(sorted, total, DRAW_SIZE, compare);
  int equal = 0;
  for (size_t i = 1; i < total; i++) equal += compare(sorted[i - 1], sorted[i]) == 0;
  printf("%zu drawn, %d equal, %d failed\n", total, equal, failed);
  EVP_RAND_CTX_free(shared);
  free(sorted);
  free(all);
}

// fork COUNT: children, each of which draws while its parent does.
static void forks(int count) {
  int equal = 0;
  int failed = 0;
  for (int i = 0; i < count; i++) {
    unsigned char own[DRAW_SIZE];
    unsigned char other[DRAW_SIZE] = {0};
    int ends[2];
    if (pipe(ends) != 0) abort();
    const pid_t child = fork();
    if (child == 0) {
      const int done = RAND_bytes(other, DRAW_SIZE) == 1 &&
                       write(ends[1], other, DRAW_SIZE) == (ssize_t)DRAW_SIZE;
      _exit(done ? 0 : 1);
    }
    close(ends[1]);
    failed += RAND_bytes(own, DRAW_SIZE) != 1;
    failed += read(ends[0], other, DRAW_SIZE) != (ssize_t)DRAW_SIZE;
    int status = 0;
    failed += waitpid(child, &status, 0) != child || status != 0;
    close(ends[0]);
    equal += memcmp(own, other, DRAW_SIZE) == 0;
  }
  printf("%d children, %d equal, %d failed\n", count, equal, failed);
}

static void bytes(void) {
  unsigned char out[DRAW_SIZE];
  RAND_add("what the caller has", 19, 19);
  const int status = RAND_status();
  ERR_clear_error();
  const int done = RAND_bytes(out, DRAW_SIZE);
  const char* public_outcome = outcome(done);
  printf("%d, %s, %s\n", status, public_outcome, outcome(RAND_priv_bytes(out, DRAW_SIZE)));
}

static void information(void) {
  const char* name = NULL;
  const char* version = NULL;
  int status = -1;
  OSSL_PARAM asked[] = {OSSL_PARAM_construct_utf8_ptr(OSSL_PROV_PARAM_NAME, (char**)&name, 0),
                        OSSL_PARAM_construct_utf8_ptr(OSSL_PROV_PARAM_VERSION, (char**)&version, 0),
                        OSSL_PARAM_construct_int(OSSL_PROV_PARAM_STATUS, &status), OSSL_PARAM_END};
  const int done = OSSL_PROVIDER_get_params(provider, asked);
  ERR_clear_error();
  printf("%d %s %s %d\n", done, name, version, status);
}

// Controls of the sanitizers.
static atomic_int race_ready;
static int raced;

static void* race(void* unused) {
  (void)unused;
  atomic_fetch_add(&race_ready, 1);
  for (int i = 0; i < 1000; i++) raced++;
  return NULL;
}

static void control(const char* what) {
  if (strcmp(what, "race") == 0) {
    pthread_t ids[2];
    for (int i = 0; i < 2; i++) pthread_create(&ids[i], NULL, race, NULL);
    for (int i = 0; i < 2; i++) pthread_join(ids[i], NULL);
  }
  printf("%d\n", raced);
}

static void obey(char* line) {
  char* rest = line + strcspn(line, " ");
  if (*rest == ' ') *rest++ = '\0';
  const char* word = line;
  char* numbers = rest;
  const long long first = strtoll(numbers, &numbers, 10);
  const long long second = strtoll(numbers, &numbers, 10);
  const long long third = strtoll(numbers, &numbers, 10);
  if (strcmp(word, "hold") == 0)
    hold();
  else if (strcmp(word, "generate") == 0)
    generate((size_t)first, (unsigned)second, (int)third);
  else if (strcmp(word, "chain") == 0)
    chain((int)first);
  else if (strcmp(word, "threads") == 0)
    threads((int)first);
  else if (strcmp(word, "fork") == 0)
    forks((int)first);
  else if (strcmp(word, "states") == 0)
    states();
  else if (strcmp(word, "bytes") == 0)
    bytes();
  else if (strcmp(word, "information") == 0)
    information();
  else if (strcmp(word, "control") == 0)
    control(rest);
  else
    printf("no command\n");
}

#ifdef BUILTIN
extern OSSL_provider_init_fn OSSL_provider_init;
#endif

int main(void) {
#ifdef BUILTIN
  if (OSSL_PROVIDER_add_builtin(NULL, "entropyd", OSSL_provider_init) != 1) abort();
#endif
  OSSL_PROVIDER* standard = OSSL_PROVIDER_load(NULL, "default");
  provider = OSSL_PROVIDER_load(NULL, "entropyd");
  entropyd = EVP_RAND_fetch(NULL, "ENTROPYD", NULL);
  if (standard == NULL || provider == NULL || entropyd == NULL) {
    ERR_print_errors_fp(stderr);
    return 1;
  }
  if (RAND_set_DRBG_type(NULL, "ENTROPYD", NULL, NULL, NULL) != 1) abort();
  char line[128];
  while (fgets(line, sizeof line, stdin) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    obey(line);
    if (fflush(stdout) != 0) abort();
  }
  EVP_RAND_CTX_free(held);
  EVP_RAND_free(entropyd);
  OSSL_PROVIDER_unload(provider);
  OSSL_PROVIDER_unload(standard);
  return 0;
}
