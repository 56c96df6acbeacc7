{
  # The addon for other machines, made by make.mjs. It needs only glibc, of a version that check.sh
  # checks; libstdc++ and libgcc are linked in, with hidden symbols.
  "variables": { "native": ".." },
  "includes": ["../core.gypi"],
  "targets": [
    {
      "target_name": "entropyd",
      "sources": [
        "<@(addon_sources)",
        "<@(core_sources)",
        "glibc_floor.cc",
        "find_object.cc"
      ],
      "cflags": ["-ffunction-sections", "-fdata-sections"],
      "ldflags": [
        "-static-libstdc++",
        "-static-libgcc",
        "-Wl,--exclude-libs,ALL",
        "-Wl,--gc-sections",
        "-Wl,--strip-all",
        "-Wl,--wrap=pthread_create",
        "-Wl,--wrap=pthread_join",
        "-Wl,--wrap=pthread_detach",
        "-Wl,--wrap=pthread_once",
        "-Wl,--wrap=pthread_sigmask",
        "-Wl,--wrap=pthread_condattr_setclock",
        "-Wl,--wrap=log2",
        "-Wl,--wrap=pow",
        "-Wl,--wrap=__pthread_key_create",
        "-Wl,--wrap=_dl_find_object"
      ]
    }
  ]
}
