{
  "variables": { "native": "native" },
  "includes": ["native/core.gypi"],
  "targets": [
    {
      "target_name": "entropyd",
      "sources": ["native/addon.cc", "native/host.cc", "<@(core_sources)"]
    }
  ]
}
