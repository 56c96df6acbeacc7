{
  # The product's own sources behind an addon of the tests': no test flag in production code.
  "variables": { "native": "../../native" },
  "includes": ["../../native/core.gypi"],
  "targets": [
    {
      "target_name": "entropyd_test",
      "sources": ["test_addon.cc", "scripted_source.cc", "<@(core_sources)"]
    }
  ]
}
