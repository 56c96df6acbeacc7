// The OpenSSL 3 provider (provider(7)): its start, its parameters, and its errors.
#include "provider.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <stdarg.h>
#include <string.h>

#include "entropyd.h"

#define EXPORT __attribute__((visibility("default")))

static const OSSL_ITEM reasons[] = {
    {REASON_FAILED, "entropyd has not answered as it should"},
    {REASON_NO_DAEMON, "entropyd is not running"},
    {REASON_NOT_ALLOWED, "entropyd's socket may not be used"},
    {REASON_NOT_SEEDED, "no seed or no fresh noise yet"},
    {REASON_BUSY, "entropyd is busy"},
    {REASON_ERROR_STATE, "entropyd's generator is in its error state"},
    {REASON_TIMEOUT, "entropyd has not answered in time"},
    {REASON_NOT_INSTANTIATED, "not instantiated"},
    {REASON_STRENGTH, "strength above 256 bits"},
    {REASON_SEED_LENGTH, "seed length out of range"},
    {0, NULL},
};

// entropyd.h has the errors.
static enum reason reason_of(int error) {
  switch (error) {
    case ENOENT:
    case ECONNREFUSED:
      return REASON_NO_DAEMON;
    case EACCES:
    case EPERM:
      return REASON_NOT_ALLOWED;
    case EAGAIN:
      return REASON_NOT_SEEDED;
    case EBUSY:
      return REASON_BUSY;
    case EIO:
      return REASON_ERROR_STATE;
    case ETIMEDOUT:
      return REASON_TIMEOUT;
    default:
      return REASON_FAILED;
  }
}

int provider_fail(const struct provider* provider, enum reason reason, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  provider->new_error(provider->core);
  provider->set_error_debug(provider->core, "provider.c", __LINE__, "entropyd");
  provider->vset_error(provider->core, reason, format, arguments);
  va_end(arguments);
  return 0;
}

int provider_draw(const struct provider* provider, unsigned char* out, size_t size, int resist) {
  if (entropyd_get(out, size, resist != 0 ? ENTROPYD_PREDICTION_RESISTANCE : 0) == 0) return 1;
  const int error = errno;
  char text[128];
  return provider_fail(provider, reason_of(error), "%s", strerror_r(error, text, sizeof text));
}

int provider_probe(const struct provider* provider, int resist) {
  unsigned char byte = 0;
  const int drawn = provider_draw(provider, &byte, 1, resist);
  explicit_bzero(&byte, 1);
  return drawn;
}

int set_integer(OSSL_PARAM* parameter, uint64_t value) {
  const bool is_signed = parameter->data_type == OSSL_PARAM_INTEGER;
  if (!is_signed && parameter->data_type != OSSL_PARAM_UNSIGNED_INTEGER) return 0;
  const size_t size = parameter->data_size;
  const uint32_t low = (uint32_t)value;
  parameter->return_size = sizeof value;
  if (parameter->data == NULL) return 1;
  if (size == sizeof value && value <= INT64_MAX)
    memcpy(parameter->data, &value, sizeof value);
  else if (size == sizeof low && value <= INT32_MAX)
    memcpy(parameter->data, &low, sizeof low);
  else
    return 0;
  parameter->return_size = size;
  return 1;
}

static int set_text(OSSL_PARAM* parameter, const char* text) {
  if (parameter->data_type != OSSL_PARAM_UTF8_PTR) return 0;
  parameter->return_size = strlen(text);
  if (parameter->data != NULL) memcpy(parameter->data, &text, sizeof text);
  return 1;
}

bool has_key(const OSSL_PARAM* parameter, const char* key) {
  return strcmp(parameter->key, key) == 0;
}

static const OSSL_ALGORITHM* query(void* provider, int operation, int* no_cache) {
  static const OSSL_ALGORITHM rands[] = {
      {"ENTROPYD", "provider=entropyd", rand_calls, "random bytes from entropyd"},
      {NULL, NULL, NULL, NULL},
  };
  (void)provider;
  *no_cache = 0;
  return operation == OSSL_OP_RAND ? rands : NULL;
}

static const OSSL_PARAM* gettable_provider(void* provider) {
  static const OSSL_PARAM list[] = {
      OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_NAME, NULL, 0),
      OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_VERSION, NULL, 0),
      OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_BUILDINFO, NULL, 0),
      OSSL_PARAM_int(OSSL_PROV_PARAM_STATUS, NULL),
      OSSL_PARAM_END,
  };
  (void)provider;
  return list;
}

// The status, which `openssl list -providers` prints, is whether the daemon serves.
static int get_provider(void* provider, OSSL_PARAM parameters[]) {
  int done = 1;
  for (OSSL_PARAM* one = parameters; one != NULL && one->key != NULL && done; one++) {
    if (has_key(one, OSSL_PROV_PARAM_NAME))
      done = set_text(one, "entropyd");
    else if (has_key(one, OSSL_PROV_PARAM_VERSION) || has_key(one, OSSL_PROV_PARAM_BUILDINFO))
      done = set_text(one, ENTROPYD_VERSION);
    else if (has_key(one, OSSL_PROV_PARAM_STATUS))
      done = set_integer(one, provider_probe(provider, 0) ? 1 : 0);
  }
  return done;
}

static int self_test(void* provider) { return provider_probe(provider, 0); }

static const OSSL_ITEM* get_reasons(void* provider) {
  (void)provider;
  return reasons;
}

static void teardown(void* provider_context) {
  struct provider* provider = provider_context;
  provider->free(provider, __FILE__, __LINE__);
}

static const OSSL_DISPATCH provider_calls[] = {
    CALL(OSSL_FUNC_PROVIDER_TEARDOWN, teardown),
    CALL(OSSL_FUNC_PROVIDER_GETTABLE_PARAMS, gettable_provider),
    CALL(OSSL_FUNC_PROVIDER_GET_PARAMS, get_provider),
    CALL(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query),
    CALL(OSSL_FUNC_PROVIDER_GET_REASON_STRINGS, get_reasons),
    CALL(OSSL_FUNC_PROVIDER_SELF_TEST, self_test),
    {0, NULL},
};

static void take_offered(struct provider* provider, const OSSL_DISPATCH* one) {
  switch (one->function_id) {
    case OSSL_FUNC_CORE_NEW_ERROR:
      provider->new_error = OSSL_FUNC_core_new_error(one);
      break;
    case OSSL_FUNC_CORE_SET_ERROR_DEBUG:
      provider->set_error_debug = OSSL_FUNC_core_set_error_debug(one);
      break;
    case OSSL_FUNC_CORE_VSET_ERROR:
      provider->vset_error = OSSL_FUNC_core_vset_error(one);
      break;
    case OSSL_FUNC_CRYPTO_ZALLOC:
      provider->zalloc = OSSL_FUNC_CRYPTO_zalloc(one);
      break;
    case OSSL_FUNC_CRYPTO_FREE:
      provider->free = OSSL_FUNC_CRYPTO_free(one);
      break;
    case OSSL_FUNC_CRYPTO_SECURE_MALLOC:
      provider->secure_malloc = OSSL_FUNC_CRYPTO_secure_malloc(one);
      break;
    case OSSL_FUNC_CRYPTO_SECURE_CLEAR_FREE:
      provider->secure_clear_free = OSSL_FUNC_CRYPTO_secure_clear_free(one);
      break;
    default:
      break;
  }
}

// Does not ask the daemon: it may start after the program.
EXPORT int OSSL_provider_init(const OSSL_CORE_HANDLE* core, const OSSL_DISPATCH* offered,
                              const OSSL_DISPATCH** calls, void** provider_context) {
  struct provider all = {.core = core};
  for (; offered->function_id != 0; offered++) take_offered(&all, offered);
  if (all.new_error == NULL || all.set_error_debug == NULL || all.vset_error == NULL ||
      all.zalloc == NULL || all.free == NULL || all.secure_malloc == NULL ||
      all.secure_clear_free == NULL)
    return 0;
  struct provider* provider = all.zalloc(sizeof *provider, __FILE__, __LINE__);
  if (provider == NULL) return 0;
  *provider = all;
  *provider_context = provider;
  *calls = provider_calls;
  return 1;
}
