{
  # The sources, and how they are compiled. The tests' addon takes core_sources, and has exports of
  # its own. `native` is this folder, as seen from the file that includes this one.
  "variables": {
    "addon_sources": [
      "<(native)/addon/addon.cc",
      "<(native)/addon/assess.cc",
      "<(native)/addon/sampling.cc",
      "<(native)/addon/generator_wrap.cc",
      "<(native)/addon/linux.cc",
      "<(native)/addon/poller.cc",
      "<(native)/addon/responses.cc"
    ],
    "core_sources": [
      "<(native)/memory/secure_memory.cc",
      "<(native)/sources/cpu_words.cc",
      "<(native)/sources/rdseed.cc",
      "<(native)/sources/rdrand.cc",
      "<(native)/sources/rndrrs.cc",
      "<(native)/sources/jitter.cc",
      "<(native)/sources/kernel.cc",
      "<(native)/sources/device.cc",
      "<(native)/health/health_tests.cc",
      "<(native)/health/tested_source.cc",
      "<(native)/health/background_source.cc",
      "<(native)/health/raw_samples.cc",
      "<(native)/health/self_test.cc",
      "<(native)/drbg/seed_provider.cc",
      "<(native)/drbg/drbg.cc",
      "<(native)/generator/generator_state.cc",
      "<(native)/generator/seed_pool.cc",
      "<(native)/generator/generator.cc",
      "<(native)/assess/statistics.cc",
      "<(native)/assess/suffix_array.cc",
      "<(native)/assess/tuples.cc",
      "<(native)/assess/predictors.cc",
      "<(native)/assess/dictionaries.cc",
      "<(native)/assess/assessment.cc"
    ]
  },
  "target_defaults": {
    "include_dirs": ["<(native)", "<!(node -p \"require('node-addon-api').include_dir\")"],
    "defines": [
      "NAPI_VERSION=8",
      "NODE_ADDON_API_DISABLE_DEPRECATED",
      "NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS",
      # A worker that is being terminated refuses exceptions, which would otherwise be fatal.
      "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"
    ],
    "cflags_cc!": ["-std=gnu++17", "-std=gnu++1y", "-std=gnu++20"],
    "cflags_cc": ["-std=c++20", "-fvisibility=hidden", "-Wall", "-Wextra"],
    # now: symbols are resolved at load. If node lacks one, require() throws and the fallback takes
    # over; with lazy binding the first call would kill the process.
    # nodelete: never unloaded. When a worker's environment ends, node would unmap the code of a
    # source's thread that the kernel holds in a read.
    "ldflags": ["-Wl,-z,now", "-Wl,-z,relro", "-Wl,-z,nodelete"]
  }
}
