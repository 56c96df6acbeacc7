{
  # The product's own sources in an addon for the tests: production code needs no test flag.
  "variables": { "native": "../../native" },
  "includes": ["../../native/core.gypi"],
  "targets": [
    {
      "target_name": "entropyd_test",
      "sources": [
        "test_addon.cc",
        "jitter_exports.cc",
        "scripted_source.cc",
        "<(native)/addon/assess.cc",
        "<@(core_sources)"
      ]
    }
  ]
}
